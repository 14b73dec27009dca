package dev.buildd.solver.ops;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.MutableRef;
import dev.buildd.solver.graph.Memo;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What a step that failed had before it, and what it has made of it, by the numbers of its inputs
 * and mounts. What was written is committed only when somebody asks for it: most failures nobody
 * looks into.
 *
 * <p>Safe for use by many threads. It is kept by the jobs that wanted the step, and ends with the
 * last of them.
 */
public final class FailedMounts {
  private final List<Optional<ImmutableRef>> inputs;
  private final List<State> mounts;
  private final List<Optional<ImmutableRef>> committed = new ArrayList<>(); // guarded by this
  private int holds = 1; // guarded by this

  /** What there is at a mount after the failure. */
  sealed interface State {
    record Nothing() implements State {}

    /** Files that nobody could write to. */
    record Given(ImmutableRef ref) implements State {}

    record Written(MutableRef ref) implements State {}
  }

  private FailedMounts(List<Optional<ImmutableRef>> inputs, List<State> mounts) {
    this.inputs = List.copyOf(inputs);
    this.mounts = List.copyOf(mounts);
    mounts.forEach(_ -> committed.add(Optional.empty()));
  }

  /** Takes over all holds. */
  static FailedMounts of(List<Optional<ImmutableRef>> inputs, List<State> mounts) {
    return new FailedMounts(inputs, mounts);
  }

  /** Lets the jobs keep it, instead of whoever has made it. */
  FailedMounts keptBy(List<Memo> jobs) {
    for (Memo job : jobs) {
      synchronized (this) {
        holds++;
      }
      job.keep(new Object(), this::letGo);
    }
    letGo();
    return this;
  }

  public int inputCount() {
    return inputs.size();
  }

  public int mountCount() {
    return mounts.size();
  }

  /** Whether an input has files. */
  public boolean hasInput(int index) {
    return inputs.get(index).isPresent();
  }

  /** Whether there is anything to see at a mount. */
  public boolean hasMount(int index) {
    return !(mounts.get(index) instanceof State.Nothing);
  }

  /** What an input was; the caller's to close. Empty for no files, and once it has ended. */
  public synchronized Optional<ImmutableRef> input(int index) {
    return holds == 0 ? Optional.empty() : inputs.get(index).map(ImmutableRef::share);
  }

  /** A mount as the step has left it; the caller's to close. Empty as of an input. */
  public synchronized Optional<ImmutableRef> mount(int index) {
    if (holds == 0) {
      return Optional.empty();
    }
    return switch (mounts.get(index)) {
      case State.Nothing _ -> Optional.empty();
      case State.Given(ImmutableRef ref) -> Optional.of(ref.share());
      case State.Written(MutableRef ref) -> {
        if (committed.get(index).isEmpty()) {
          committed.set(index, Optional.of(ref.commit()));
        }
        yield committed.get(index).map(ImmutableRef::share);
      }
    };
  }

  private void letGo() {
    List<AutoCloseable> all = new ArrayList<>();
    synchronized (this) {
      if (--holds > 0) {
        return;
      }
      // whoever reads it now finds that it has ended
      for (State state : mounts) {
        switch (state) {
          case State.Nothing _ -> {}
          case State.Given(ImmutableRef ref) -> all.add(ref);
          case State.Written(MutableRef ref) -> all.add(ref);
        }
      }
      committed.forEach(ref -> ref.ifPresent(all::add));
      inputs.forEach(ref -> ref.ifPresent(all::add));
    }
    all.forEach(ref -> Cleanup.run("release what a failed step had", ref::close));
  }
}
