package dev.buildd.frontend.dockerfile.instruction;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.buildd.frontend.dockerfile.expand.Environment;
import dev.buildd.frontend.dockerfile.expand.Words;
import dev.buildd.frontend.dockerfile.lex.Directives;
import dev.buildd.frontend.dockerfile.lint.LintOptions;
import dev.buildd.frontend.dockerfile.lint.Linter;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Location;
import java.util.Map;

/** Any bytes are read or refused. Run with {@code JAZZER_FUZZ=1} to look for new inputs. */
class DockerfileFuzzTest {
  private static final Environment SET = Environment.of(Map.of("A", "a b*\n", "E", ""));

  @FuzzTest(maxDuration = "30s")
  void readsOrRefuses(byte[] text) {
    Linter linter = new Linter(LintOptions.DEFAULT, warning -> {});
    Directives.syntax(text);
    Directives.check(text);
    try {
      Dockerfile file = Dockerfile.parse(text, linter);
      Words words = new Words(file.escape(), SET);
      for (Stage stage : file.stages()) {
        stage.instructions().forEach(instruction -> use(instruction, words));
      }
    } catch (DockerfileException e) {
      // refused, which is right
    }
  }

  private static void use(Instruction instruction, Words words) {
    try {
      Instruction expanded = instruction.expanded(words);
      if (expanded instanceof Expose expose) {
        expose.ports().forEach(port -> Port.parse(port).ports());
      }
      if (expanded instanceof OnBuild trigger) {
        Dockerfile.parseTrigger(trigger.trigger(), Location.line(1));
      }
    } catch (DockerfileException e) {
      // refused where it is used, which is right
    }
  }
}
