package dev.buildd.base.linux;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/** Where the programs are that the environment's {@code PATH} names. */
public final class ProgramPath {
  private ProgramPath() {}

  /** The first executable file of the name; none, if {@code PATH} is not set or has none. */
  public static Optional<Path> find(String name, Map<String, String> environment) {
    for (String directory : environment.getOrDefault("PATH", "").split(":")) {
      Path program = Path.of(directory, name);
      if (!directory.isEmpty() && Files.isRegularFile(program) && Files.isExecutable(program)) {
        return Optional.of(program);
      }
    }
    return Optional.empty();
  }
}
