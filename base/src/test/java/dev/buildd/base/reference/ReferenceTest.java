package dev.buildd.base.reference;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.reference.Syntax.Option;
import dev.buildd.base.reference.Syntax.Value;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ReferenceTest {
  private static final Syntax PROGRAM =
      new Syntax(
          List.of("tool"),
          "does things",
          Optional.empty(),
          List.of(
              new Option(List.of("--addr"), text("ADDR"), "where", false),
              new Option(List.of("--version"), Optional.empty(), "which", false)),
          List.of(
              new Syntax(
                  List.of("make", "m"),
                  "makes",
                  Optional.of(new Value.File("FILE")),
                  List.of(
                      new Option(
                          List.of("--mode", "-m"),
                          Optional.of(
                              new Value.Choice("MODE", List.of("fast", "safe", "type=x,to="))),
                          "it's [how]: a,b",
                          true),
                      new Option(
                          List.of("--into"),
                          Optional.of(new Value.Directory("DIR")),
                          "where",
                          false)),
                  List.of()),
              new Syntax(
                  List.of("debug"),
                  "looks inside",
                  Optional.empty(),
                  List.of(),
                  List.of(
                      new Syntax(
                          List.of("list-all"), "lists", Optional.empty(), List.of(), List.of())))));

  @TempDir Path temp;

  private static Optional<Value> text(String label) {
    return Optional.of(new Value.Text(label));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      nullValues = "none",
      value = {
        "tool ''|make debug",
        "tool de|debug",
        "tool --addr make ''|make debug",
        "tool --addr = make m|make",
        "tool --addr ''|none",
        "tool --|--addr --version",
        "tool make --|--mode --into --addr",
        "tool m --m|--mode",
        "tool make --mode ''|fast safe type=x,to=",
        "tool make -m s|safe",
        "tool make --mode =|fast safe type=x,to=",
        "tool make --mode = f|fast",
        "tool make --mode debug --i|--into",
        "tool debug ''|list-all",
        "tool debug list-all ''|none",
        "tool make --into ./d|./dir with space",
        "tool make ./f|./file",
      })
  void bashOffersWhatMayFollow(String words, String offered) throws Exception {
    Files.createDirectory(temp.resolve("dir with space"));
    Files.createFile(temp.resolve("file"));
    Path script = Files.writeString(temp.resolve("completion"), BashCompletion.of(PROGRAM));
    Process bash =
        new ProcessBuilder(
                "bash",
                "--norc",
                "-c",
                "source "
                    + script
                    + "; COMP_WORDS=("
                    + words
                    + "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _tool; echo \"${COMPREPLY[*]}\"")
            .directory(temp.toFile())
            .redirectErrorStream(true)
            .start();
    String answer = new String(bash.getInputStream().readAllBytes(), UTF_8);
    assertThat(bash.waitFor()).isZero();
    assertThat(answer).isEqualTo((offered == null ? "" : offered) + "\n");
  }

  @Test
  void zshAndFishAreToldOfAllCommandsAndOptions() throws Exception {
    String zsh = ZshCompletion.of(PROGRAM);
    assertThat(zsh)
        .startsWith("#compdef tool\n")
        .contains(
            "'*--mode=[it'\\''s \\[how\\]\\: a,b]:MODE:(fast safe type=x,to=)'",
            "'--into=[where]:DIR:_files -/'",
            "make | m) _tool_make ;;",
            "list-all) _tool_debug_list_all ;;")
        .endsWith("_tool \"$@\"\n");
    accepted("zsh", zsh);
    String fish = FishCompletion.of(PROGRAM);
    assertThat(fish)
        .contains(
            "complete -c tool -n 'not __fish_seen_subcommand_from make m debug' -a make -d 'makes'",
            "complete -c tool -n '__fish_seen_subcommand_from make m' -l mode -s m -x -a"
                + " 'fast safe type=x,to=' -d 'it\\'s [how]: a,b'",
            "complete -c tool -n '__fish_seen_subcommand_from debug; and not"
                + " __fish_seen_subcommand_from list-all' -a list-all");
    accepted("fish", fish);
  }

  /** By the shell itself, where it is installed. */
  private void accepted(String shell, String script) throws Exception {
    if (Files.isExecutable(Path.of("/usr/bin", shell))) {
      Path file = Files.writeString(temp.resolve(shell), script);
      assertThat(complaints(shell, "-n", file.toString())).isEmpty();
    }
  }

  @Test
  void pagesHaveAllCommandsAndOptions() throws Exception {
    String page =
        Manual.of(PROGRAM, 1, "User Commands", ".does `it`")
            .markdown(
                "# Title\n\nText with `code` and [link](x.md)\nbelow.\n\n- `one`: x\n  y\n- two\n\n```\n.x = 'y'\n```\n")
            .toString();
    assertThat(page)
        .startsWith(".TH \"TOOL\" 1 ")
        .contains(
            "\n\\fBtool\\fR [global options] \\fBmake\\fR [options] FILE\n",
            "\n\\fBtool\\fR [global options] \\fBdebug list\\-all\\fR\n",
            "\n\\&.does \\fBit\\fR\n",
            "\n.SS \"tool make\"\n.PP\nmakes (also \\fBm\\fR)\n",
            "\n.TP\n\\fB\\-\\-mode\\fR MODE, \\fB\\-m\\fR MODE\n",
            "\nText with \\fBcode\\fR and link below.\n",
            "\n.IP \\(bu 2\n\\fBone\\fR: x y\n.IP \\(bu 2\ntwo\n",
            "\n.nf\n\\&.x = \\(aqy\\(aq\n.fi\n");
    if (Files.isExecutable(Path.of("/usr/bin/groff"))) {
      Path file = Files.writeString(temp.resolve("tool.1"), page);
      assertThat(complaints("groff", "-man", "-ww", "-z", file.toString())).isEmpty();
    }
  }

  private static String complaints(String... command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String text = new String(process.getInputStream().readAllBytes(), UTF_8);
    process.waitFor();
    return text;
  }
}
