package dev.buildd.cache;

/** How pruning goes along with what else the daemon does. */
@FunctionalInterface
public interface Pace {
  /** Goes on until its thread is interrupted, which stays so. */
  Pace STEADY = () -> !Thread.currentThread().isInterrupted();

  /**
   * Asked after each piece of work, when no lock is held: may wait as long as it likes.
   *
   * @return whether to go on
   */
  boolean goesOn();
}
