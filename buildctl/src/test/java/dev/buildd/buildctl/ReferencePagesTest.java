package dev.buildd.buildctl;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.reference.Syntax;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReferencePagesTest {
  @TempDir Path temp;

  @Test
  void everyFlagOccursInThePageAndTheCompletions() throws Exception {
    ReferencePages.main(
        new String[] {temp.toString(), Path.of("../docs/configuration.md").toString()});
    String page = Files.readString(temp.resolve("man/man1/buildctl.1"));
    String bash = Files.readString(temp.resolve("bash-completion/completions/buildctl"));
    String zsh = Files.readString(temp.resolve("zsh/site-functions/_buildctl"));
    String fish = Files.readString(temp.resolve("fish/vendor_completions.d/buildctl.fish"));
    check(ReferencePages.syntax(), page, bash, zsh, fish);
    if (Files.isExecutable(Path.of("/usr/bin/groff"))) {
      Process groff =
          new ProcessBuilder("groff", "-man", "-ww", "-z", "man/man1/buildctl.1")
              .directory(temp.toFile())
              .redirectErrorStream(true)
              .start();
      assertThat(new String(groff.getInputStream().readAllBytes(), UTF_8)).isEmpty();
    }
  }

  private static void check(Syntax syntax, String page, String bash, String zsh, String fish) {
    for (Syntax.Option option : syntax.options()) {
      for (String name : option.names()) {
        assertThat(page).contains("\\fB" + name.replace("-", "\\-") + "\\fR");
        assertThat(bash).containsPattern("options='[^']*(?<=[' ])" + name + "[ ']");
        assertThat(zsh).containsPattern("'[*]?" + name + "[=+]?\\[");
        assertThat(fish)
            .contains(
                name.startsWith("--") ? " -l " + name.substring(2) : " -s " + name.substring(1));
      }
    }
    for (Syntax command : syntax.commands()) {
      assertThat(page).contains(command.name().replace("-", "\\-"));
      assertThat(bash).contains(command.name());
      assertThat(zsh).contains("'" + command.name() + ":");
      assertThat(fish).contains(" -a " + command.name() + " ");
      check(command, page, bash, zsh, fish);
    }
  }

  @Test
  void whatIsHiddenStaysHiddenAndTheEnvironmentIsNotWrittenDown() {
    String page = ReferencePages.manual().toString();
    assertThat(page)
        .doesNotContain("dial\\-stdio", "exporter\\-opt")
        .contains("unix:///run/buildkit/buildkitd.sock");
  }
}
