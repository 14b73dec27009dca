package dev.buildd.solver.graph;

import java.util.List;

/**
 * The probing policy, a pure function: what may be asked next of each input, so that no input is
 * pulled, loaded or run before it has to be.
 */
final class Evidence {
  /** How much is known of one input; each level costs more than the one before. */
  enum Level {
    NONE,
    /** Names known from definitions alone. */
    FAST,
    /** Names known after comparing contents further up. */
    SLOW,
    /** The input itself is there and its content was compared. */
    CONTENT
  }

  /**
   * @param hasContent whether comparing its content can help
   * @param matched whether some name of the input leads to this operation
   */
  record Input(Level level, boolean hasContent, boolean matched) {
    boolean exhausted() {
      return level == (hasContent ? Level.CONTENT : Level.SLOW);
    }
  }

  sealed interface Step {
    record Climb(Level to) implements Step {}

    /** Nothing to ask now: another input may decide more cheaply. */
    record Wait() implements Step {}

    record Stop() implements Step {}
  }

  private Evidence() {}

  /** Whether no record can exist: some input was asked everything and leads nowhere. */
  static boolean missProven(List<Input> all) {
    return all.stream().anyMatch(i -> i.exhausted() && !i.matched());
  }

  static Step next(List<Input> all, int index, boolean hit) {
    Input input = all.get(index);
    if (hit || missProven(all) || input.exhausted()) {
      return new Step.Stop();
    }
    if (input.level() == Level.NONE) {
      return new Step.Climb(Level.FAST);
    }
    boolean rival = all.stream().anyMatch(o -> !o.matched() && !o.exhausted());
    if (input.matched() && rival) {
      return new Step.Wait(); // never pull a matched input while an unmatched one may decide
    }
    return new Step.Climb(input.level() == Level.FAST ? Level.SLOW : Level.CONTENT);
  }
}
