package dev.buildd.frontend.dockerfile.instruction;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.frontend.dockerfile.expand.Environment;
import dev.buildd.frontend.dockerfile.expand.WordLexer;
import dev.buildd.frontend.dockerfile.expand.Words;
import dev.buildd.frontend.dockerfile.lex.Directives;
import dev.buildd.frontend.dockerfile.lint.LintOptions;
import dev.buildd.frontend.dockerfile.lint.LintWarning;
import dev.buildd.frontend.dockerfile.lint.Linter;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Location;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Whatever a Dockerfile says, it is read or refused, never broken on. The seed is fixed: a failure
 * comes again.
 */
class RandomDockerfileTest {
  private static final int FILES = 6_000;
  private static final String[] KEYWORDS = {
    "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL",
    "MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR", "FORM", "\\"
  };
  private static final String[] PIECES = {
    "a",
    "b=c",
    " ",
    "  ",
    "\t",
    "$",
    "${",
    "}",
    "${A:-",
    "${A/",
    "/",
    "//",
    "%",
    "#",
    "*",
    "?",
    "\\",
    "`",
    "'",
    "\"",
    "[",
    "]",
    ",",
    "\"x\"",
    "[\"a\", \"b\"]",
    "<<E",
    "<<-\"E\"",
    "<",
    "E",
    "\n",
    "\\\n",
    "`\n",
    "\n\n",
    "# c\n",
    "\r\n",
    "é",
    "\u00A0",
    "\uD83D\uDE00",
    "--",
    "--from=a",
    "--mount=type=cache,target=/x",
    "--mount=from=$A,",
    "--chown=1",
    "=",
    ":",
    "80/tcp",
    "0-99",
    "as",
    "NONE",
    "CMD",
    "$A",
    "$B",
    "null",
    "{",
    "1s",
    "-",
    "[::1]",
    ";"
  };

  private final Random random = new Random(20_240_917);

  @Test
  void everyFileIsReadOrRefused() {
    int read = 0;
    for (int i = 0; i < FILES; i++) {
      String text = file();
      if (isRead(text)) {
        read++;
      }
    }
    assertThat(read).as("files that are right").isBetween(FILES / 20, FILES * 19 / 20);
  }

  private boolean isRead(String text) {
    List<LintWarning> warnings = new ArrayList<>();
    Linter linter = new Linter(LintOptions.parse("experimental=all"), warnings::add);
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    int lines = Math.max(1, (int) text.chars().filter(c -> c == '\n').count() + 1);
    try {
      Directives.syntax(bytes);
      Directives.check(bytes);
      Dockerfile file = Dockerfile.parse(bytes, linter);
      checkPlaces(file, lines);
      file.stages().forEach(stage -> expandAll(stage, file.escape()));
      return true;
    } catch (DockerfileException e) {
      assertThat(e.locations()).allMatch(location -> location.last() <= lines);
      return false;
    } catch (RuntimeException | StackOverflowError e) {
      throw new AssertionError("broke on " + text, e);
    }
  }

  /** Each line belongs to one instruction at most, and instructions are in order. */
  private static void checkPlaces(Dockerfile file, int lines) {
    List<Location> places = new ArrayList<>();
    file.arguments().forEach(arg -> places.add(arg.origin().location()));
    for (Stage stage : file.stages()) {
      places.add(stage.origin().location());
      stage.instructions().forEach(each -> places.add(each.origin().location()));
    }
    int last = 0;
    for (Location place : places) {
      assertThat(place.first()).isGreaterThan(last);
      assertThat(place.last()).isBetween(place.first(), lines);
      last = place.last();
    }
  }

  private static void expandAll(Stage stage, int escape) {
    Words words = new Words(escape, Environment.of(Map.of("A", "a*b \n$é", "E", "")));
    for (Instruction instruction : stage.instructions()) {
      try {
        if (instruction.expanded(words) instanceof Expose expose) {
          expose.ports().forEach(port -> Port.parse(port).ports());
        }
        WordLexer.of(escape)
            .with(WordLexer.Style.STEP_NAME)
            .expand(instruction.origin().text(), Environment.EMPTY);
        if (instruction instanceof OnBuild trigger) {
          Dockerfile.parseTrigger(trigger.trigger(), Location.line(1));
        }
      } catch (DockerfileException e) {
        assertThat(e.getMessage()).isNotEmpty();
      }
    }
  }

  private String file() {
    StringBuilder out = new StringBuilder();
    if (random.nextInt(4) == 0) {
      out.append(random.nextBoolean() ? "# escape=`\n" : "# check=skip=all\n");
    }
    out.append(random.nextInt(20) == 0 ? "" : "FROM a\n");
    int instructions = random.nextInt(6);
    for (int i = 0; i < instructions; i++) {
      out.append(KEYWORDS[random.nextInt(KEYWORDS.length)]).append(' ');
      int pieces = random.nextInt(9);
      for (int j = 0; j < pieces; j++) {
        out.append(PIECES[random.nextInt(PIECES.length)]);
      }
      out.append('\n');
    }
    return out.toString();
  }

  @Test
  void largeFilesTakeLinearTime() {
    String part =
        """
        # a remark
        RUN --mount=type=cache,target=/root/.cache set -eux; \\
            apt-get update; \\
            # why
            apt-get install -y --no-install-recommends "a$X" 'b';
        ENV A=1 B="2 3" C=${D:-x}
        COPY --from=base --chown=1:2 <<EOF a b c /dest/
        hello $A
        EOF
        """;
    byte[] text = ("FROM base AS x\n" + part.repeat(20_000)).getBytes(StandardCharsets.UTF_8);
    long start = System.nanoTime();
    Dockerfile file = Dockerfile.parse(text, Linter.silent());
    assertThat(System.nanoTime() - start).isLessThan(20_000_000_000L);
    assertThat(file.stages().getFirst().instructions()).hasSize(60_000);
  }

  @Test
  void longLinesTakeLinearTime() {
    byte[] text =
        ("FROM x\nENV "
                + "a=b \\\n".repeat(200_000)
                + "c=d\nRUN "
                + "\\\n\n".repeat(100_000)
                + " <<E <<E\nE\nE")
            .getBytes(StandardCharsets.UTF_8);
    long start = System.nanoTime();
    Dockerfile file = Dockerfile.parse(text, Linter.silent());
    assertThat(System.nanoTime() - start).isLessThan(20_000_000_000L);
    assertThat(file.stages().getFirst().instructions()).hasSize(2);
  }
}
