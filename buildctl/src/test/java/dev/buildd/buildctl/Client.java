package dev.buildd.buildctl;

import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The program under test: the executable that {@code BUILDCTL_PROGRAM} names in the environment,
 * such as a native one, else the class path's.
 */
final class Client {
  private static final @Nullable String PROGRAM = System.getenv("BUILDCTL_PROGRAM");

  private Client() {}

  /** The command that starts it. */
  static List<String> command(String... arguments) {
    if (PROGRAM == null) {
      return Daemon.java(Main.class.getName(), arguments);
    }
    List<String> command = new ArrayList<>(List.of(PROGRAM));
    command.addAll(List.of(arguments));
    return command;
  }

  /** Runs it, of the class path in this JVM; returns its exit status. */
  static int run(OutputStream out, OutputStream err, String... arguments) throws Exception {
    if (PROGRAM == null) {
      try (PrintStream printed = new PrintStream(out, true);
          PrintStream errors = new PrintStream(err, true)) {
        return Main.run(List.of(arguments), printed, errors);
      }
    }
    Path told = Files.createTempFile("buildctl", ".err");
    try {
      Process process = new ProcessBuilder(command(arguments)).redirectError(told.toFile()).start();
      process.getInputStream().transferTo(out);
      int status = process.waitFor();
      Files.copy(told, err);
      return status;
    } finally {
      Files.delete(told);
    }
  }
}
