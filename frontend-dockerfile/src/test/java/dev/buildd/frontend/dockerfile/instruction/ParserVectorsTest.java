package dev.buildd.frontend.dockerfile.instruction;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.json.Json;
import dev.buildd.frontend.dockerfile.lex.Directives;
import dev.buildd.frontend.dockerfile.lint.LintOptions;
import dev.buildd.frontend.dockerfile.lint.LintWarning;
import dev.buildd.frontend.dockerfile.lint.Linter;
import dev.buildd.frontend.dockerfile.lint.Rule;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Location;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What BuildKit says of the vectors' Dockerfiles before it converts them, we say. */
class ParserVectorsTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden");
  private static final Set<String> RULES_OF_PARSING =
      Set.of(
          "StageNameCasing",
          "FromAsCasing",
          "NoEmptyContinuation",
          "ConsistentInstructionCasing",
          "DuplicateStageName",
          "ReservedStageName",
          "MaintainerDeprecated",
          "InvalidDefinitionDescription");

  /** Of texts that end in a fault of parsing and do not say so. */
  private static final Set<String> FAULTS_OF_PARSING =
      Set.of(
          "08-json-not-strings",
          "11-heredoc-unterminated",
          "12b-heredoc-shift",
          "13-lexical-errors",
          "79-only-comments",
          "79b-only-arg",
          "79c-before-from",
          "91-long-line");

  /** A warning or an error, and its lines. */
  private record Said(String text, List<List<Long>> ranges) {}

  static Stream<String> vectors() throws IOException {
    try (Stream<Path> all = Files.list(GOLDEN)) {
      return all
          .filter(path -> Files.exists(path.resolve("Dockerfile")))
          .map(path -> path.getFileName().toString())
          .filter(ParserVectorsTest::convertsItsDockerfile)
          .sorted()
          .toList()
          .stream();
    }
  }

  /** Others are forwarded, asked something else, or have their Dockerfile elsewhere. */
  private static boolean convertsItsDockerfile(String vector) {
    Map<String, Object> expected = read(vector, "expected.json");
    boolean forwarded =
        Json.objects(expected, "solves").stream()
            .anyMatch(solve -> Json.text(solve, "kind").equals("forward"));
    Map<String, Object> options = Json.object(read(vector, "opts.json"), "opts");
    return !forwarded && !options.containsKey("requestid") && !vector.equals("87b-missing");
  }

  private static Map<String, Object> read(String vector, String file) {
    try {
      return Json.parseObject(Files.readAllBytes(GOLDEN.resolve(vector).resolve(file)), file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @ParameterizedTest
  @MethodSource("vectors")
  void saysWhatBuildKitSays(String vector) throws IOException {
    byte[] text = Files.readAllBytes(GOLDEN.resolve(vector).resolve("Dockerfile"));
    List<Said> warnings = new ArrayList<>();
    List<Said> errors = new ArrayList<>();
    Linter linter = new Linter(lintOptions(vector, text), warning -> add(warnings, warning));
    try {
      Dockerfile.parse(text, linter);
    } catch (DockerfileException e) {
      errors.add(new Said(String.valueOf(e.getMessage()), ranges(e.locations())));
    }
    assertThat(errors).isEqualTo(expectedErrors(vector));
    Comparator<Said> order = Comparator.comparing(Said::toString);
    assertThat(warnings.stream().sorted(order))
        .containsExactlyElementsOf(expectedWarnings(vector).stream().sorted(order).toList());
  }

  private static LintOptions lintOptions(String vector, byte[] text) {
    Map<String, Object> options = Json.object(read(vector, "opts.json"), "opts");
    String given = Json.text(options, "build-arg:BUILDKIT_DOCKERFILE_CHECK");
    return LintOptions.parse(
        given.isEmpty()
            ? Directives.check(text).map(Directives.Directive::word).orElse("")
            : given);
  }

  private static void add(List<Said> warnings, LintWarning warning) {
    assertThat(RULES_OF_PARSING).contains(warning.rule().ruleName());
    warnings.add(new Said(warning.text(), ranges(List.of(warning.location()))));
  }

  private static List<List<Long>> ranges(List<Location> locations) {
    return locations.stream()
        .flatMap(location -> location.spans().stream())
        .map(span -> List.of((long) span.startLine(), (long) span.endLine()))
        .toList();
  }

  private static List<Said> expectedErrors(String vector) {
    Map<String, Object> error = Json.object(read(vector, "expected.json"), "error");
    String message = Json.text(error, "message");
    boolean parsing =
        FAULTS_OF_PARSING.contains(vector) || message.startsWith("dockerfile parse error");
    if (!parsing) {
      return List.of();
    }
    List<List<Long>> ranges =
        Json.objects(error, "sources").stream().flatMap(s -> rangesOf(s).stream()).toList();
    return List.of(new Said(message, ranges));
  }

  private static List<Said> expectedWarnings(String vector) {
    return Json.objects(read(vector, "expected.json"), "warnings").stream()
        .map(warning -> new Said(Json.text(warning, "short"), rangesOf(warning)))
        .filter(said -> RULES_OF_PARSING.contains(said.text().split(":", 2)[0]))
        .toList();
  }

  @SuppressWarnings("unchecked") // the vectors hold lists of numbers here
  private static List<List<Long>> rangesOf(Map<String, Object> said) {
    return (List<List<Long>>) said.getOrDefault("ranges", List.of());
  }

  @ParameterizedTest
  @MethodSource("vectors")
  void describesRulesAsBuildKitDoes(String vector) {
    for (Map<String, Object> warning : Json.objects(read(vector, "expected.json"), "warnings")) {
      String name = Json.text(warning, "short").split(":", 2)[0];
      Rule rule =
          Stream.of(Rule.values()).filter(r -> r.ruleName().equals(name)).findFirst().orElseThrow();
      assertThat(rule.url()).isEqualTo(Json.text(warning, "url"));
      assertThat(List.of(rule.description())).isEqualTo(warning.get("detail"));
    }
  }
}
