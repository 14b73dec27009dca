package dev.buildd.worker.runc;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.Linux.WindowSize;
import java.io.IOException;
import java.nio.file.Path;

/**
 * A terminal for a program to run on, of which only the size matters: nothing is written to it or
 * read. Safe for use by many threads.
 */
final class Pseudoterminal implements AutoCloseable {
  private final int descriptor;
  private final Path otherEnd;
  private boolean closed; // guarded by this

  private Pseudoterminal(int descriptor, Path otherEnd) {
    this.descriptor = descriptor;
    this.otherEnd = otherEnd;
  }

  static Pseudoterminal open() throws IOException {
    int descriptor = Linux.openPseudoterminal();
    try {
      return new Pseudoterminal(descriptor, Linux.otherEnd(descriptor));
    } catch (IOException e) {
      Linux.close(descriptor);
      throw e;
    }
  }

  /** What the program opens. */
  Path otherEnd() {
    return otherEnd;
  }

  /** Sets the size; false if it is closed. */
  synchronized boolean resize(WindowSize size) throws IOException {
    if (closed) {
      return false;
    }
    Linux.setWindowSize(descriptor, size);
    return true;
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      Cleanup.run("close terminal", () -> Linux.close(descriptor));
    }
  }
}
