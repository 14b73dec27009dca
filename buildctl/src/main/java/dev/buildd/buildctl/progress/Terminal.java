package dev.buildd.buildctl.progress;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** What is known of the terminal that shows progress. */
public final class Terminal {
  private static final int WIDTH = 80;
  private static final int HEIGHT = 10;

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

  // there is no ioctl in Java; asking now and then is enough for a window that is resized by hand
  private void ask() {
    long now = System.nanoTime();
    if (!terminal || (asked != 0 && now - asked < TimeUnit.SECONDS.toNanos(2))) {
      return;
    }
    asked = now;
    try {
      Process stty =
          new ProcessBuilder("stty", "-F", "/dev/stderr", "size").redirectErrorStream(true).start();
      String[] size =
          new String(stty.getInputStream().readAllBytes(), StandardCharsets.US_ASCII)
              .strip()
              .split(" ");
      if (size.length == 2) {
        int rows = Integer.parseInt(size[0]);
        int columns = Integer.parseInt(size[1]);
        if (rows > 0 && columns > 0) {
          height = rows;
          width = columns;
        }
      }
    } catch (IOException | NumberFormatException e) {
      // as it was
    }
  }
}
