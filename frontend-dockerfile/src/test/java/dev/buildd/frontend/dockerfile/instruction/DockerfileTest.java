package dev.buildd.frontend.dockerfile.instruction;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.buildd.frontend.dockerfile.expand.Environment;
import dev.buildd.frontend.dockerfile.expand.Words;
import dev.buildd.frontend.dockerfile.lex.Heredoc;
import dev.buildd.frontend.dockerfile.lint.LintOptions;
import dev.buildd.frontend.dockerfile.lint.Linter;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Location;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Instructions as dockerfile.md section 3 says. */
class DockerfileTest {
  private static final Words WORDS =
      new Words(
          '\\',
          Environment.of(
              Map.of("a", "A", "two", "x y", "type", "cache", "target", "/t", "empty", "")));

  private static Dockerfile parse(String text) {
    return Dockerfile.parse(text.getBytes(StandardCharsets.UTF_8), Linter.silent());
  }

  private static Instruction one(String text) {
    return parse("FROM x\n" + text).stages().getFirst().instructions().getFirst();
  }

  private static <T extends Instruction> T one(Class<T> type, String text) {
    return type.cast(one(text));
  }

  private static <T extends Instruction> T expanded(Class<T> type, String text) {
    return type.cast(one(text).expanded(WORDS));
  }

  private static void refuses(String text, String reason) {
    assertThatExceptionOfType(DockerfileException.class)
        .isThrownBy(() -> parse("FROM x\n" + text))
        .withMessage("dockerfile parse error on line 2: " + reason)
        .satisfies(e ->
            assertThat(e.locations())
                .containsExactly(new Location(2, 1 + (int) text.lines().count())));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\u0001',
      value = {
        "fooooo|unknown instruction: fooooo",
        "cop a b|unknown instruction: cop (did you mean copy?)",
        "COP a b|unknown instruction: COP (did you mean COPY?)",
        "Cop a b|unknown instruction: Cop (did you mean copy?)",
        "COPY --form=x a b|unknown flag: --form (did you mean from?)",
        "COPY --zzzzzz a b|unknown flag: --zzzzzz",
        "COPY --from=a --from=b c d|duplicate flag specified: --from",
        "COPY --from a b|missing a value on flag: --from",
        "COPY --exclude a b|missing a value on flag: --exclude",
        "COPY --link= a b|missing a value on flag: --link",
        "COPY --link=1 a b|expecting boolean value for flag --link, not: 1",
        "WORKDIR --x|WORKDIR requires exactly one argument",
        "WORKDIR --x y|unknown flag: --x",
        "USER|USER requires exactly one argument",
        "MAINTAINER|MAINTAINER requires exactly one argument",
        "STOPSIGNAL|STOPSIGNAL requires exactly one argument",
        "ENV|ENV requires at least one argument",
        "LABEL|LABEL requires at least one argument",
        "ARG|ARG requires at least one argument",
        "EXPOSE|EXPOSE requires at least one argument",
        "VOLUME|VOLUME requires at least one argument",
        "VOLUME []|VOLUME requires at least one argument",
        "VOLUME [\" \"]|VOLUME specified can not be an empty string",
        "ONBUILD|ONBUILD requires at least one argument",
        "HEALTHCHECK|HEALTHCHECK requires at least one argument",
        "SHELL []|SHELL requires at least one argument",
        "SHELL|SHELL requires at least one argument",
        "SHELL a b|SHELL requires the arguments to be in JSON form",
        "ENV =a|ENV names can not be blank",
        "LABEL =a|LABEL names can not be blank",
        "ARG =a|ARG names can not be blank",
        "ADD --x a|ADD requires at least two arguments, but only one was provided."
            + " Destination could not be determined",
        "COPY [\"a\"]|COPY requires at least two arguments, but only one was provided."
            + " Destination could not be determined",
        "FROM|FROM requires either one or three arguments",
        "FROM a b|FROM requires either one or three arguments",
        "FROM a as b c|FROM requires either one or three arguments",
        "FROM a on b|FROM requires either one or three arguments",
        "FROM --x a as 1B|invalid name for build stage: \"1B\", name can't start with a number or"
            + " contain symbols",
        "FROM --x a|unknown flag: --x",
        "FROM a as b;c|invalid name for build stage: \"b;c\", name can't start with a number or"
            + " contain symbols",
        "\u017Fhell [\"a\"]|unknown instruction: \u017Fhell (did you mean shell?)",
        "HEALTHCHECK NONE a|HEALTHCHECK NONE takes no arguments",
        "HEALTHCHECK CMD|Missing command after HEALTHCHECK CMD",
        "HEALTHCHECK --interval=x foo|Unknown type \"FOO\" in HEALTHCHECK (try CMD)",
        "HEALTHCHECK --interval=x CMD a|time: invalid duration \"x\"",
        "HEALTHCHECK --timeout=5 CMD a|time: missing unit in duration \"5\"",
        "HEALTHCHECK --timeout=5x CMD a|time: unknown unit \"x\" in duration \"5x\"",
        "HEALTHCHECK --start-period=1us CMD a|Interval \"start-period\" cannot be less than 1ms",
        "HEALTHCHECK --interval=-1s CMD a|Interval \"interval\" cannot be less than 1ms",
        "HEALTHCHECK --retries=x CMD a|strconv.ParseInt: parsing \"x\": invalid syntax",
        "HEALTHCHECK --retries=2147483648 CMD a|strconv.ParseInt: parsing \"2147483648\": value out"
            + " of range",
        "HEALTHCHECK --retries=-1 CMD a|--retries cannot be negative (-1)",
        "ONBUILD ONBUILD RUN a|Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed",
        "ONBUILD from a|FROM isn't allowed as an ONBUILD trigger",
        "ONBUILD maintainer a|MAINTAINER isn't allowed as an ONBUILD trigger",
        "ONBUILD --x RUN a|unknown flag: --x",
        "RUN --mount=from=$a,target=/x a|'from' doesn't support variable expansion, define alias"
            + " stage instead",
        "RUN --mount= a|failed to parse csv mounts: EOF",
        "RUN --mount='a\"b' a|failed to parse csv mounts: parse error on line 1, column 2: bare \""
            + " in non-quoted field",
        "RUN --device=a,name=b a|device name already set to a",
        "RUN --device=a,b a|invalid field 'b' must be a key=value pair",
        "RUN --device=a,nme=b a|unexpected key 'nme' in 'nme=b' (did you mean name?)",
        "RUN --device=a,required=x a|invalid value for required: x",
      })
  void isRefused(String text, String reason) {
    refuses(text, reason);
  }

  @Test
  void documentIsNoDestination() {
    refuses("COPY a <<b\nb", "COPY cannot accept a heredoc as a destination");
  }

  @Test
  void filesWithoutStagesAreRefused() {
    assertThatExceptionOfType(DockerfileException.class)
        .isThrownBy(() -> parse(""))
        .withMessage("the Dockerfile cannot be empty");
    assertThatExceptionOfType(DockerfileException.class)
        .isThrownBy(() -> parse("ARG a"))
        .withMessage("dockerfile contains no stages to build")
        .satisfies(e -> assertThat(e.locations()).isEmpty());
    assertThatExceptionOfType(DockerfileException.class)
        .isThrownBy(() -> parse("ARG a\nRUN \\\n b"))
        .withMessage("no build stage in current context")
        .satisfies(e -> assertThat(e.locations()).containsExactly(new Location(2, 3)));
  }

  @Test
  void lexingComesBeforeInstructions() {
    assertThatExceptionOfType(DockerfileException.class)
        .isThrownBy(() -> parse("FROM a b\nRUN [1]"))
        .withMessageStartingWith("when using JSON");
  }

  @Test
  void stagesHoldWhatFollowsThem() {
    Dockerfile file =
        parse("ARG G=1\n# b the first\nFROM --platform=$P a AS B\nARG X\nFROM b\nRUN y\n");
    assertThat(file.arguments()).hasSize(1);
    assertThat(file.stages()).hasSize(2);
    Stage first = file.stages().getFirst();
    assertThat(first.name()).isEqualTo("b");
    assertThat(first.base()).isEqualTo("a");
    assertThat(first.platform()).isEqualTo("$P");
    assertThat(first.description()).isEqualTo("the first");
    assertThat(first.origin().text()).isEqualTo("FROM --platform=$P a AS B");
    assertThat(first.instructions()).hasSize(1);
    assertThat(file.stages().getLast().name()).isEmpty();
    assertThat(file.stages().getLast().description()).isEmpty();
  }

  @Test
  void flagsOfSomeAreIgnored() {
    assertThat(one(Arg.class, "ARG --x A=1").variables())
        .containsExactly(new Arg.Variable("A", Optional.of("1")));
    assertThat(one(StopSignal.class, "STOPSIGNAL --x 9").signal()).isEqualTo("9");
    assertThat(one(Healthcheck.class, "HEALTHCHECK --x none").test()).containsExactly("NONE");
  }

  @Test
  void argIsNotExpanded() {
    assertThat(expanded(Arg.class, "ARG $a=$a b").variables())
        .containsExactly(
            new Arg.Variable("$a", Optional.of("$a")), new Arg.Variable("b", Optional.empty()));
  }

  @Test
  void pairsExpandNamesAndValues() {
    assertThat(expanded(Env.class, "ENV $a=\"$a b\" c=$d").pairs())
        .containsExactly(new KeyValue("A", "A b", false), new KeyValue("c", "", false));
    assertThat(expanded(Label.class, "LABEL $a '$a'  %s ").pairs())
        .containsExactly(new KeyValue("A", "$a  %s", true));
  }

  @Test
  void copyExpandsPathsOwnerModeAndDocuments() {
    Copy copy =
        expanded(
            Copy.class,
            "COPY --from=$a --chown=$a:$a --chmod=$a --link --parents=FALSE --exclude=$a"
                + " --exclude=b $a <<x <<-'y' /$a\n$a \"\\$a\"\nx\n\t$a\ny");
    assertThat(copy.from()).isEqualTo("$a");
    assertThat(copy.owner()).isEqualTo("A:A");
    assertThat(copy.mode()).isEqualTo("A");
    assertThat(copy.link()).isTrue();
    assertThat(copy.parents()).isFalse();
    assertThat(copy.excludes()).containsExactly("$a", "b");
    assertThat(copy.sources())
        .isEqualTo(
            new Sources(
                List.of("A"),
                List.of(
                    new Sources.Document("x", "A \"$a\"\n", true),
                    new Sources.Document("y", "$a\n", false)),
                "/A"));
  }

  @Test
  void addExpandsItsChecksum() {
    Add add =
        expanded(Add.class, "ADD --checksum=$a --unpack=false --keep-git-dir [\"$a b\", \"/c\"]");
    assertThat(add.checksum()).isEqualTo("A");
    assertThat(add.unpack()).contains(false);
    assertThat(add.keepGitDirectory()).contains(true);
    assertThat(add.sources()).isEqualTo(new Sources(List.of("A b"), List.of(), "/c"));
    assertThat(one(Add.class, "ADD a b").unpack()).isEmpty();
  }

  @Test
  void documentsOfOneNameHaveTheLastBody() {
    assertThat(one(Copy.class, "COPY <<x <<x /\n1\nx\n2\nx").sources().documents())
        .extracting(Sources.Document::content)
        .containsExactly("2\n", "2\n");
  }

  @Test
  void runKeepsItsText() {
    Run run = expanded(Run.class, "RUN --network=none --device=a=b,required $a \"b\" <<-x\n\ty\nx");
    assertThat(run.command())
        .isEqualTo(
            new CommandLine(
                List.of("$a \"b\" <<-x"), true, List.of(new Heredoc("x", true, true, "\ty\n"))));
    assertThat(run.command().documents().getFirst().chomped()).isEqualTo("y\n");
    assertThat(run.network()).isEqualTo("none");
    assertThat(run.security()).isEqualTo("sandbox");
    assertThat(run.devices()).containsExactly(new Run.Device("a=b", true));
    assertThat(one(Run.class, "RUN []").command())
        .isEqualTo(new CommandLine(List.of(), false, List.of()));
    assertThat(one(Run.class, "RUN").command())
        .isEqualTo(new CommandLine(List.of(), true, List.of()));
  }

  @Test
  void commandsAreNotExpanded() {
    assertThat(expanded(Cmd.class, "CMD $a").command().words()).containsExactly("$a");
    assertThat(expanded(Entrypoint.class, "ENTRYPOINT [\"$a\"]").command())
        .isEqualTo(new CommandLine(List.of("$a"), false, List.of()));
    assertThat(expanded(Shell.class, "SHELL [\"$a\"]").words()).containsExactly("$a");
  }

  @Test
  void healthCheckHasTimes() {
    Healthcheck check =
        one(
            Healthcheck.class,
            "HEALTHCHECK --interval=1m30s --timeout=1.5s --start-period=0 --start-interval=1h"
                + " --retries=5 CMD $a b");
    assertThat(check.test()).containsExactly("CMD-SHELL", "$a b");
    assertThat(check.timing())
        .isEqualTo(
            new Healthcheck.Timing(90_000_000_000L, 1_500_000_000L, 0, 3_600_000_000_000L, 5));
    assertThat(one(Healthcheck.class, "HEALTHCHECK CMD [\"a\"]").test())
        .containsExactly("CMD", "a");
  }

  @Test
  void portsAreSortedBeforeExpansion() {
    assertThat(expanded(Expose.class, "EXPOSE b $two a 10 9").ports())
        .containsExactly("x", "y", "10", "9", "a", "b");
  }

  @Test
  void simpleOnesAreExpanded() {
    assertThat(expanded(Workdir.class, "WORKDIR /$a/'$a' b").path()).isEqualTo("/A/$a b");
    assertThat(expanded(User.class, "USER $a:$a").user()).isEqualTo("A:A");
    assertThat(expanded(StopSignal.class, "STOPSIGNAL $a").signal()).isEqualTo("A");
    assertThat(expanded(Volume.class, "VOLUME [\" /$a \", \"b\"]").paths())
        .containsExactly("/A", "b");
    assertThat(expanded(Maintainer.class, "MAINTAINER $a  b").author()).isEqualTo("$a  b");
  }

  @Test
  void emptyVolumeIsRefusedAfterExpansionToo() {
    Volume volume = one(Volume.class, "VOLUME $empty");
    assertThatExceptionOfType(DockerfileException.class)
        .isThrownBy(() -> volume.expanded(WORDS))
        .withMessage("VOLUME specified can not be an empty string");
  }

  @Test
  void triggerKeepsItsText() {
    assertThat(one(OnBuild.class, "onbuild  RUN \\\n  a  ").trigger()).isEqualTo("RUN   a  ");
    assertThat(one(OnBuild.class, "ONBUILD COPY <<a <<-'b' /\n1\na\n\t2\n\tb").trigger())
        .isEqualTo("COPY <<a <<-'b' /\n1\na\n\t2\nb");
    assertThat(one(OnBuild.class, "ONBUILD FOO x").trigger()).isEqualTo("FOO x");
  }

  @Test
  void triggersAreReadWhereTheyFire() {
    Location from = Location.line(7);
    Run run = (Run) Dockerfile.parseTrigger("RUN cat <<a\nb\na", from);
    assertThat(run.origin().location()).isEqualTo(from);
    assertThat(run.command().documents().getFirst().content()).isEqualTo("b\n");
    assertFiresBadly(
        "COPY a",
        "COPY requires at least two arguments, but only one was provided."
            + " Destination could not be determined");
    assertFiresBadly("RUN a\nRUN b", "onbuild trigger should be a single expression");
    assertFiresBadly("FRO", "unknown instruction: FRO (did you mean FROM?)");
    assertFiresBadly(
        "RUN [1]", "when using JSON array syntax, arrays must be comprised of strings only");
  }

  private static void assertFiresBadly(String trigger, String reason) {
    assertThatExceptionOfType(DockerfileException.class)
        .isThrownBy(() -> Dockerfile.parseTrigger(trigger, Location.line(7)))
        .withMessage(reason)
        .satisfies(e -> assertThat(e.locations()).containsExactly(Location.line(7)));
  }

  private static List<String> warnings(String text) {
    return warnings("", text);
  }

  private static List<String> warnings(String options, String text) {
    List<String> warnings = new ArrayList<>();
    Linter linter = new Linter(LintOptions.parse(options), w -> warnings.add(w.text()));
    try {
      Dockerfile.parse(text.getBytes(StandardCharsets.UTF_8), linter);
    } catch (DockerfileException e) {
      warnings.add("failed");
    }
    return warnings;
  }

  @Test
  void casingOfStagesIsSeen() {
    assertThat(warnings("from a AS b\nFROM a as b2\nFrom a As C"))
        .containsExactly(
            "FromAsCasing: 'AS' and 'from' keywords' casing do not match (line 1)",
            "FromAsCasing: 'as' and 'FROM' keywords' casing do not match (line 2)",
            "StageNameCasing: Stage name 'C' should be lowercase (line 3)",
            "ConsistentInstructionCasing: Command 'from' should match the case of the command"
                + " majority (uppercase) (line 1)",
            "ConsistentInstructionCasing: Command 'From' should match the case of the command"
                + " majority (uppercase) (line 3)");
  }

  @Test
  void majorityDecidesOnCasing() {
    assertThat(warnings("ARG x\nfrom a\nrun b\nRUN c"))
        .containsExactly(
            "ConsistentInstructionCasing: Command 'RUN' should match the case of the command"
                + " majority (lowercase) (line 4)");
  }

  @Test
  void namesOfStagesAreSeen() {
    assertThat(warnings("FROM a AS context\nFROM a AS x\nFROM a AS x"))
        .containsExactly(
            "ReservedStageName: Stage name should not use the same name as reserved stage"
                + " \"context\" (line 1)",
            "DuplicateStageName: Duplicate stage name \"x\", stage names should be unique (line"
                + " 3)");
  }

  @Test
  void warningsComeBeforeFaults() {
    assertThat(warnings("FROM a AS B\nMAINTAINER\nRUN \\\n\n x"))
        .containsExactly(
            "NoEmptyContinuation: Empty continuation line (line 5)",
            "StageNameCasing: Stage name 'B' should be lowercase (line 1)",
            "MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label"
                + " (line 2)",
            "failed");
  }

  @Test
  void commentSkipsRulesOfItsInstruction() {
    assertThat(warnings("# x\n# check=skip=all // why\nFROM a AS B\nMAINTAINER x"))
        .hasSize(1)
        .first()
        .asString()
        .startsWith("MaintainerDeprecated");
  }

  @ParameterizedTest
  @ValueSource(strings = {"# x\nFROM a", "# s does\nFROM a AS s", "# k does\nARG k l\nFROM a"})
  void describingCommentsAreRight(String text) {
    assertThat(warnings("experimental=all", text)).isEmpty();
  }

  @Test
  void otherCommentsAreNoDescriptions() {
    assertThat(
            warnings(
                "experimental=InvalidDefinitionDescription", "# x\nARG k l\n# y\n\nFROM a AS s"))
        .containsExactly(
            "InvalidDefinitionDescription: Comment for ARG should follow the format: `# <arg_key>"
                + " <description>` (line 2)",
            "InvalidDefinitionDescription: Comment for FROM should follow the format: `# s"
                + " <description>` (line 5)");
    assertThat(warnings("# x\nFROM a AS s")).isEmpty();
  }
}
