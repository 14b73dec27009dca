package dev.buildd.daemon;

/**
 * Stops the daemon when the process is told to end, and ends it with code 0: being stopped is no
 * failure.
 */
final class StopHook extends Thread {
  private final Runnable stop;

  StopHook(Runnable stop) {
    super("stop");
    this.stop = stop;
  }

  @Override
  public void run() {
    stop.run();
    Runtime.getRuntime().halt(0); // else the code would be that of the signal
  }
}
