package dev.buildd.base.reference;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A directory laid out as {@code /usr/share} is, in which manuals and shells find their files.
 *
 * @param root the directory
 */
public record Share(Path root) {
  public void manual(String name, int section, Roff page) throws IOException {
    write("man/man" + section + "/" + name + "." + section, page.toString());
  }

  public void completions(Syntax program) throws IOException {
    String name = program.name();
    write("bash-completion/completions/" + name, BashCompletion.of(program));
    write("zsh/site-functions/_" + name, ZshCompletion.of(program));
    write("fish/vendor_completions.d/" + name + ".fish", FishCompletion.of(program));
  }

  private void write(String path, String text) throws IOException {
    Path file = root.resolve(path);
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }
}
