package dev.buildd.gateway;

/** A process in a frontend's container. Safe for use by many threads. */
public interface GatewayProcess {
  /**
   * Waits until it has ended and all that it wrote is written; gives its exit code, which is 128
   * plus the signal that ended it if one did. An interrupt ends the waiting, not the process.
   *
   * @throws SolveException if it could not be run, or was killed because its container was closed
   */
  int await() throws InterruptedException;

  /**
   * Sends it a signal; nothing if it has ended.
   *
   * @param name without {@code SIG}
   */
  void signal(String name) throws InterruptedException;

  /** Tells it the size of its terminal; nothing if it has none. */
  void resize(int rows, int columns) throws InterruptedException;
}
