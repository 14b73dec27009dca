package dev.buildd.llb;

import dev.buildd.base.content.Platform;
import java.util.Optional;
import java.util.function.IntSupplier;

/**
 * One of a step's results.
 *
 * @param index which one; known once the step is complete
 * @param problem why it cannot be used, if so
 * @param platform what it was made for, if the step says so
 */
record Output(
    StateVertex vertex, IntSupplier index, Optional<String> problem, Optional<Platform> platform) {
  static Output first(StateVertex vertex) {
    return new Output(vertex, () -> 0, Optional.empty(), Optional.empty());
  }

  /** This, or what it stands for. */
  Output resolved() {
    return vertex instanceof DeferredVertex deferred ? deferred.output().resolved() : this;
  }

  static Output unusable(StateVertex vertex, String problem) {
    return new Output(vertex, () -> 0, Optional.of(problem), Optional.empty());
  }
}
