package dev.buildd.examples.soak;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * Which faults are under way, so that a build's failure can be told from a defect: how often each
 * has begun or ended. Odd while it lasts. Safe for use by many threads.
 */
final class Weather {
  private final AtomicInteger down = new AtomicInteger();
  private final AtomicInteger full = new AtomicInteger();

  /** What it was like when a build began. */
  record Moment(int down, int full) {}

  Moment now() {
    return new Moment(down.get(), full.get());
  }

  void daemonGoes() {
    down.incrementAndGet();
  }

  void daemonIsBack() {
    down.incrementAndGet();
  }

  void diskIsFull() {
    full.incrementAndGet();
  }

  void diskHasRoom() {
    full.incrementAndGet();
  }

  /** Whether the daemon was away at some time since then. */
  boolean wasDown(Moment since) {
    return isOdd(since.down) || down.get() != since.down;
  }

  /** Whether the disk was full at some time since then. */
  boolean wasFull(Moment since) {
    return isOdd(since.full) || full.get() != since.full;
  }

  private static boolean isOdd(int count) {
    return count % 2 != 0;
  }
}
