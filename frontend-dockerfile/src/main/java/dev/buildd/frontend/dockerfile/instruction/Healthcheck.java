package dev.buildd.frontend.dockerfile.instruction;

import java.util.List;

/**
 * How to see whether a container is well. Times are in nanoseconds; 0 is what the engine thinks
 * right.
 *
 * @param test {@code NONE}, or {@code CMD-SHELL} or {@code CMD} and the command
 */
public record Healthcheck(Origin origin, List<String> test, Timing timing) implements Instruction {
  /**
   * @param retries how often it may fail
   */
  public record Timing(
      long interval, long timeout, long startPeriod, long startInterval, int retries) {
    public static final Timing NONE = new Timing(0, 0, 0, 0, 0);
  }

  public Healthcheck {
    test = List.copyOf(test);
  }
}
