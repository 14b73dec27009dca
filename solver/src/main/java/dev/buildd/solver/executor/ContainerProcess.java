package dev.buildd.solver.executor;

import dev.buildd.base.linux.Linux.WindowSize;

/** A process of a container. Safe for use by many threads. */
public interface ContainerProcess {
  /**
   * Waits until it has ended and all that it wrote is written; gives its exit code, which is 128
   * plus the signal that ended it if one did. An interrupt ends the waiting, not the process.
   *
   * @throws java.io.IOException if its output could not be written
   */
  int await() throws Exception;

  /** Sends it a signal, once it runs; nothing if it has ended. */
  void signal(int number) throws Exception;

  /** Tells it the size of its terminal; nothing if it has none. */
  void resize(WindowSize size) throws Exception;
}
