package dev.buildd.buildctl.progress;

import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.LinuxException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** What is known of the terminal that shows progress. */
public final class Terminal {
  private static final int WIDTH = 80;
  private static final int HEIGHT = 10;
  private static final int STANDARD_ERROR = 2;

  private final boolean terminal;
  private int width = WIDTH;
  private int height = HEIGHT;
  private long asked;

  private Terminal(boolean terminal) {
    this.terminal = terminal;
  }

  /** That of this process' standard error. */
  public static Terminal ofStandardError() {
    try {
      String target = Files.readSymbolicLink(Path.of("/proc/self/fd/2")).toString();
      return new Terminal(
          target.startsWith("/dev/pts/")
              || target.startsWith("/dev/tty")
              || target.equals("/dev/console"));
    } catch (IOException | UnsupportedOperationException e) {
      return new Terminal(false);
    }
  }

  public static Terminal none() {
    return new Terminal(false);
  }

  public boolean isTerminal() {
    return terminal;
  }

  int width() {
    ask();
    return width;
  }

  int height() {
    ask();
    return height;
  }

  // now and then is enough for a window that is resized by hand
  private void ask() {
    long now = System.nanoTime();
    if (!terminal || (asked != 0 && now - asked < TimeUnit.SECONDS.toNanos(2))) {
      return;
    }
    asked = now;
    try {
      Linux.WindowSize size = Linux.windowSize(STANDARD_ERROR);
      if (size.rows() > 0 && size.columns() > 0) {
        height = size.rows();
        width = size.columns();
      }
    } catch (LinuxException e) {
      // as it was
    }
  }
}
