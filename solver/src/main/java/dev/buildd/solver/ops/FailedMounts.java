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
  private final List<Optional<MutableRef>> written;
  private final List<Optional<ImmutableRef>> committed = new ArrayList<>(); // guarded by this
  private int holds = 1; // guarded by this

  private FailedMounts(List<Optional<ImmutableRef>> inputs, List<Optional<MutableRef>> written) {
    this.inputs = List.copyOf(inputs);
    this.written = List.copyOf(written);
    written.forEach(_ -> committed.add(Optional.empty()));
  }

  /**
   * Takes over all holds.
   *
   * @param written what was written where; empty where nothing could be
   */
  static FailedMounts of(List<Optional<ImmutableRef>> inputs, List<Optional<MutableRef>> written) {
    return new FailedMounts(inputs, written);
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
    return written.size();
  }

  /** What an input was; the caller's to close. Empty for no files, and once it has ended. */
  public synchronized Optional<ImmutableRef> input(int index) {
    return holds == 0 ? Optional.empty() : inputs.get(index).map(ImmutableRef::share);
  }

  /** Whether there is anything to see at a mount. */
  public boolean hasMount(int index) {
    return written.get(index).isPresent() || hasInput(index);
  }

  /** Whether an input has files. */
  public boolean hasInput(int index) {
    return index < inputs.size() && inputs.get(index).isPresent();
  }

  /** A mount as the step has left it; the caller's to close. */
  public synchronized Optional<ImmutableRef> mount(int index) {
    if (holds == 0 || written.get(index).isEmpty()) {
      return input(index);
    }
    Optional<ImmutableRef> known = committed.get(index);
    if (known.isEmpty()) {
      known = Optional.of(written.get(index).get().commit());
      committed.set(index, known);
    }
    return known.map(ImmutableRef::share);
  }

  private void letGo() {
    List<AutoCloseable> all = new ArrayList<>();
    synchronized (this) {
      if (--holds > 0) {
        return;
      }
      // whoever reads it now finds that it has ended
      written.forEach(ref -> ref.ifPresent(all::add));
      committed.forEach(ref -> ref.ifPresent(all::add));
      inputs.forEach(ref -> ref.ifPresent(all::add));
    }
    all.forEach(ref -> Cleanup.run("release what a failed step had", ref::close));
  }
}
