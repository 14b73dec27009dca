package dev.buildd.frontend.dockerfile.instruction;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.json.Json;
import dev.buildd.frontend.dockerfile.expand.Environment;
import dev.buildd.frontend.dockerfile.expand.Words;
import dev.buildd.frontend.dockerfile.lint.LintOptions;
import dev.buildd.frontend.dockerfile.lint.LintSink;
import dev.buildd.frontend.dockerfile.lint.Linter;
import dev.buildd.frontend.dockerfile.lint.Violations;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Variables, labels and warnings of the vectors that have nothing else. */
class ExpansionVectorsTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden");

  @ParameterizedTest
  @ValueSource(strings = {"14-expansion-operators", "18-env-legacy"})
  void comesToWhatBuildKitMakesOfIt(String vector) throws IOException {
    byte[] text = Files.readAllBytes(GOLDEN.resolve(vector).resolve("Dockerfile"));
    Map<String, Object> expected =
        Json.parseObject(
            Files.readAllBytes(GOLDEN.resolve(vector).resolve("expected.json")), "expected");
    List<String> warnings = new ArrayList<>();
    LintSink sink = warning -> warnings.add(warning.text());
    Linter linter = new Linter(LintOptions.DEFAULT, sink);

    Map<String, String> variables = new LinkedHashMap<>();
    Map<String, Object> labels = new LinkedHashMap<>();
    Dockerfile file = Dockerfile.parse(text, linter);
    for (Instruction written : file.stages().getLast().instructions()) {
      Environment environment = Environment.of(variables);
      Words words =
          new Words(
              file.escape(),
              environment,
              name ->
                  linter.report(
                      Violations.undefinedVar(name, List.of("PATH", "S")),
                      written.origin().location()));
      Instruction instruction = written.expanded(words);
      if (instruction instanceof Env env) {
        env.pairs().forEach(pair -> variables.put(pair.key(), pair.value()));
      } else if (instruction instanceof Label label) {
        label.pairs().forEach(pair -> labels.put(pair.key(), pair.value()));
      }
    }

    Map<String, Object> config =
        Json.object(
            Json.object(Json.object(expected, "config"), "containerimage.config"), "config");
    List<String> set =
        variables.entrySet().stream().map(e -> e.getKey() + "=" + e.getValue()).toList();
    assertThat(Json.texts(config, "Env").stream().filter(e -> !e.startsWith("PATH=")))
        .containsExactlyElementsOf(set);
    assertThat(Json.object(config, "Labels")).isEqualTo(labels);
    assertThat(warnings.stream().filter(w -> w.startsWith("UndefinedVar")))
        .containsExactlyInAnyOrderElementsOf(
            Json.objects(expected, "warnings").stream()
                .map(w -> Json.text(w, "short"))
                .filter(w -> w.startsWith("UndefinedVar"))
                .toList());
  }
}
