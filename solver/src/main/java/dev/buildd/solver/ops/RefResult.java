package dev.buildd.solver.ops;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.solver.graph.SharedResult;
import java.util.Optional;

/** A ref as the solver passes it on. Without a ref it stands for no files at all. */
public final class RefResult implements SharedResult {
  /** The id of every result without files. */
  public static final String SCRATCH = "scratch";

  private final Optional<ImmutableRef> ref;

  private RefResult(Optional<ImmutableRef> ref) {
    this.ref = ref;
  }

  /** Takes over the hold. */
  public static RefResult of(ImmutableRef ref) {
    return new RefResult(Optional.of(ref));
  }

  /**
   * Takes over the hold on what a cache has.
   *
   * @param used whether the files are brought, else it is only made sure that they can be
   * @throws BuildException {@code NOT_FOUND} if they cannot; then the hold has ended
   */
  public static RefResult of(ImmutableRef ref, boolean used) throws Exception {
    boolean there = false;
    try {
      if (used) {
        ref.prepare();
      } else {
        ref.checkAvailable();
      }
      there = true;
      return of(ref);
    } finally {
      if (!there) {
        ref.close();
      }
    }
  }

  public static RefResult scratch() {
    return new RefResult(Optional.empty());
  }

  /** The ref of a result of this daemon's operations; it stays the result's. */
  public static Optional<ImmutableRef> refOf(SharedResult result) {
    if (result instanceof RefResult ours) {
      return ours.ref;
    }
    throw new BuildException(Category.INTERNAL, "not a ref: " + result.id());
  }

  public Optional<ImmutableRef> ref() {
    return ref;
  }

  @Override
  public String id() {
    return ref.map(ImmutableRef::id).orElse(SCRATCH);
  }

  @Override
  public void prepare() throws Exception {
    if (ref.isPresent()) {
      ref.get().prepare();
    }
  }

  @Override
  public RefResult share() {
    return new RefResult(ref.map(ImmutableRef::share));
  }

  @Override
  public void close() {
    ref.ifPresent(ImmutableRef::close);
  }

  @Override
  public String toString() {
    return "result " + id();
  }
}
