package dev.buildd.daemon;

import java.util.function.BooleanSupplier;

/**
 * Stops the daemon when the process is told to end, and ends it with code 0: being stopped is no
 * failure.
 */
final class StopHook extends Thread {
  private final BooleanSupplier stop;

  /**
   * @param stop says whether the program did what it was there for; else its own code stands
   */
  StopHook(BooleanSupplier stop) {
    super("stop");
    this.stop = stop;
  }

  @Override
  public void run() {
    if (stop.getAsBoolean()) {
      Runtime.getRuntime().halt(0); // else the code would be that of the signal
    }
  }
}
