package dev.buildd.buildctl.progress;

import dev.buildd.base.error.BuildException;
import dev.buildd.client.SolveStatus;
import java.io.PrintStream;
import java.util.List;
import java.util.Map;

/** Makes displays by name. */
public final class Displays {
  private Displays() {}

  private static final class Quiet implements Display {
    @Override
    public void update(SolveStatus status) {}

    @Override
    public void refresh() {}

    @Override
    public void done() {}
  }

  private record RawJson(PrintStream out) implements Display {
    @Override
    public void update(SolveStatus status) {
      out.println(StatusJson.of(status));
    }

    @Override
    public void refresh() {}

    @Override
    public void done() {
      out.flush();
    }
  }

  /**
   * The name of the display that is meant.
   *
   * @throws BuildException {@code INVALID_ARGUMENT} if there is none of that name
   */
  public static String chosen(String mode, Map<String, String> environment) {
    String wished = environment.getOrDefault("BUILDKIT_PROGRESS", "");
    String chosen = mode.equals("auto") && !wished.isEmpty() ? wished : mode;
    if (!List.of("", "auto", "tty", "plain", "rawjson", "quiet").contains(chosen)) {
      throw BuildException.invalid("invalid progress mode " + chosen);
    }
    return chosen;
  }

  /**
   * The display of that name.
   *
   * @param mode {@code auto}, {@code tty}, {@code plain}, {@code rawjson} or {@code quiet}
   */
  public static Display of(
      String mode, PrintStream out, Terminal terminal, Map<String, String> environment) {
    Settings settings = Settings.of(environment);
    return switch (chosen(mode, environment)) {
      case "", "auto" ->
          terminal.isTerminal()
              ? new TtyDisplay(out, terminal, settings)
              : new PlainDisplay(out, settings);
      case "tty" -> {
        if (!terminal.isTerminal()) {
          throw BuildException.invalid("failed to get console: provided file is not a console");
        }
        yield new TtyDisplay(out, terminal, settings);
      }
      case "plain" -> new PlainDisplay(out, settings);
      case "rawjson" -> new RawJson(out);
      case "quiet" -> new Quiet();
      default -> throw new IllegalStateException("unknown mode " + mode);
    };
  }
}
