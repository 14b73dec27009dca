package dev.buildd.solver.source;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.linux.Linux;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;

/**
 * How a source that is one file is kept: the attributes {@code http.filename}, {@code http.perm},
 * {@code http.uid} and {@code http.gid}, which are not HTTP's only.
 *
 * @param name as asked for; empty if the source has to find one
 * @param permissions zero for the default
 */
public record SourceFile(String name, int permissions, int uid, int gid) {
  private static final int DEFAULT_PERMISSIONS = 0600;
  private static final String DEFAULT_NAME = "download";

  public static SourceFile of(Map<String, String> attributes) {
    return new SourceFile(
        attributes.getOrDefault("http.filename", ""),
        number(attributes, "http.perm"),
        number(attributes, "http.uid"),
        number(attributes, "http.gid"));
  }

  /** With a leading zero it is octal, as in C. */
  private static int number(Map<String, String> attributes, String name) {
    String text = attributes.getOrDefault(name, "0");
    try {
      String digits = text.startsWith("0o") ? "0" + text.substring(2) : text;
      int value = Integer.decode(digits);
      if (value >= 0) {
        return value;
      }
    } catch (NumberFormatException e) {
      // refused below
    }
    throw BuildException.invalid("invalid " + name + " " + text);
  }

  /** One plain name, whatever is asked for. */
  public static String safeName(String text) {
    String name = text.strip();
    while (name.endsWith("/")) {
      name = name.substring(0, name.length() - 1);
    }
    name = name.substring(name.lastIndexOf('/') + 1);
    boolean unusable =
        name.isEmpty()
            || name.equals(".")
            || name.equals("..")
            || name.chars().anyMatch(Character::isISOControl);
    return unusable ? DEFAULT_NAME : name;
  }

  /** Gives the file, which is written, its owner, permissions and time. */
  public void finish(Path file, Instant modified) throws IOException {
    Linux.lchown(file, uid, gid);
    Linux.chmod(file, permissions == 0 ? DEFAULT_PERMISSIONS : permissions);
    long nanos = modified.getEpochSecond() * 1_000_000_000L;
    Linux.utimensat(file, nanos, nanos);
  }
}
