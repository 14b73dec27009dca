package dev.buildd.frontend.dockerfile.lint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Location;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Which rules count (dockerfile.md section 7.3). */
class LinterTest {
  private static final Location LINE = Location.line(3);

  private final List<String> said = new ArrayList<>();

  private Linter linter(String options) {
    return new Linter(LintOptions.parse(options), warning -> said.add(warning.rule().ruleName()));
  }

  private static void breakTwo(Linter linter) {
    linter.report(Violations.maintainerDeprecated(), LINE);
    linter.report(Violations.invalidDefinitionDescription("ARG", "a"), LINE);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "|MaintainerDeprecated",
        "skip=all|",
        "skip=maintainerdeprecated|MaintainerDeprecated",
        "skip = Nothing , MaintainerDeprecated |",
        "experimental=all|MaintainerDeprecated,InvalidDefinitionDescription",
        "skip=all;experimental=InvalidDefinitionDescription|InvalidDefinitionDescription",
        "skip=all;skip=X|",
        "skip=MaintainerDeprecated;skip=X|MaintainerDeprecated",
        "error=true|MaintainerDeprecated",
      })
  void optionsChooseRules(String options, String expected) {
    breakTwo(linter(options == null ? "" : options));
    assertThat(String.join(",", said)).isEqualTo(expected == null ? "" : expected);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\u0001',
      value = {
        "skip|invalid check option \"skip\"",
        "skip=a;|invalid check option \"\"",
        "foo=a|invalid check option \"foo\"",
        "error=x|failed to parse check option \"error=x\": strconv.ParseBool: parsing \"x\":"
            + " invalid syntax",
        "skip=a;error=true;experimental=a;x|OK",
        "skip=a;error=true;x;y|invalid check option \"x;y\"",
      })
  void optionsMayBeWrong(String options, String reason) {
    if (reason.equals("OK")) {
      assertThat(LintOptions.parse(options).experimental().names()).containsExactly("a;x");
      return;
    }
    assertThatExceptionOfType(DockerfileException.class)
        .isThrownBy(() -> LintOptions.parse(options))
        .withMessage(reason);
  }

  @Test
  void commentsAddToOptions() {
    Linter linter = linter("skip=FromAsCasing");
    breakTwo(linter.with(List.of("x", "check=experimental=all;error=true", "check=skip=all")));
    assertThat(said).containsExactly("MaintainerDeprecated", "InvalidDefinitionDescription");
    assertThatCode(linter::failIfAsked).doesNotThrowAnyException();
    said.clear();
    breakTwo(linter);
    assertThat(said).containsExactly("MaintainerDeprecated");
  }

  @ParameterizedTest
  @ValueSource(strings = {"# check=skip=all", "check=skip", "check=bad=all", "check=", "syntax=x"})
  void otherCommentsSayNothing(String comment) {
    breakTwo(linter("").with(List.of(comment)));
    assertThat(said).containsExactly("MaintainerDeprecated");
  }

  @Test
  void violationsFailIfAsked() {
    Linter linter = linter("error=true");
    linter.failIfAsked();
    breakTwo(linter);
    linter.with(List.of("check=skip=X")).report(Violations.noEmptyContinuation(), LINE);
    breakTwo(linter);
    assertThatExceptionOfType(DockerfileException.class)
        .isThrownBy(linter::failIfAsked)
        .withMessage("lint violation found for rules: MaintainerDeprecated, NoEmptyContinuation")
        .satisfies(e -> assertThat(e.locations()).isEmpty());
  }

  @Test
  void silenceIsSilent() {
    Linter linter = Linter.silent();
    breakTwo(linter);
    assertThat(linter.broken()).isEmpty();
  }

  @Test
  void warningNamesItsLine() {
    assertThat(new LintWarning(Rule.STAGE_NAME_CASING, "a", new Location(2, 4)).text())
        .isEqualTo("StageNameCasing: a (line 2)");
    assertThat(new LintWarning(Rule.STAGE_NAME_CASING, "a", Location.NONE).text())
        .isEqualTo("StageNameCasing: a");
  }

  @Test
  void onlyImagesOfOtherPlatformsHaveNoManual() {
    assertThat(Rule.values()).hasSize(22);
    assertThat(Rule.INVALID_BASE_IMAGE_PLATFORM.url()).isEmpty();
  }

  @Test
  void variablesAreSuggested() {
    assertThat(Violations.undefinedVar("FOO", List.of("BAR", "FO")).message())
        .isEqualTo("Usage of undefined variable '$FOO' (did you mean $FO?)");
    assertThat(Violations.undefinedArgInFrom("FOO", List.of("FO")).message())
        .isEqualTo("FROM argument 'FOO' is not declared (did you mean FO?)");
    assertThat(Violations.undefinedVar("FOO", List.of()).message())
        .isEqualTo("Usage of undefined variable '$FOO'");
  }
}
