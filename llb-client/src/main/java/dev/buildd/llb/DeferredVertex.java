package dev.buildd.llb;

import dev.buildd.base.error.BuildException;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Stands for a step that is only known when the graph is written down. */
final class DeferredVertex extends StateVertex {
  private final Supplier<State> source;
  private @Nullable Output known;

  DeferredVertex(Supplier<State> source) {
    super(new Constraints());
    this.source = source;
  }

  /** What it stands for; asked for once. */
  synchronized Output output() {
    Output output = known;
    if (output == null) {
      output =
          source
              .get()
              .output()
              .orElseThrow(
                  () -> BuildException.invalid("what is only known now is the empty filesystem"));
      known = output;
    }
    return output;
  }

  @Override
  List<Output> inputs() {
    throw new IllegalStateException("a deferred step has no inputs of its own");
  }

  @Override
  Written write(Marshaller marshaller) {
    throw new IllegalStateException("a deferred step is not written itself");
  }
}
