package dev.buildd.solver.llb;

import dev.buildd.base.concurrent.Flight;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.key.CacheKeyId;
import dev.buildd.llb.Definition;
import dev.buildd.solver.graph.SharedResult;
import dev.buildd.solver.ops.RefResult;
import java.util.Optional;
import java.util.concurrent.Callable;

/**
 * The result of a definition, solved when it is first looked at.
 *
 * <p>Safe for use by many threads. Every hold is closed once; the last takes the result with it.
 */
public final class ResultProxy implements AutoCloseable {
  /** A result and the name under which the cache knows it. */
  record Solved(SharedResult result, CacheKeyId key) {}

  /** What all holds share. */
  private static final class Shared {
    final Definition definition;
    final Flight<Solved> flight;
    int holds = 1;

    Shared(Definition definition, Callable<Solved> solve) {
      this.definition = definition;
      this.flight = new Flight<>("solve", solve);
    }
  }

  private final Shared shared;
  private boolean open = true;

  private ResultProxy(Shared shared) {
    this.shared = shared;
  }

  static ResultProxy of(Definition definition, Callable<Solved> solve) {
    return new ResultProxy(new Shared(definition, solve));
  }

  public Definition definition() {
    return shared.definition;
  }

  /** The files, solved if they are not yet; empty for none. They stay this ref's. */
  public Optional<ImmutableRef> ref() throws Exception {
    return RefResult.refOf(shared.flight.join().result());
  }

  /** The name under which the daemon's cache knows the result, solved if it is not yet. */
  public CacheKeyId key() throws Exception {
    return shared.flight.join().key();
  }

  /** Another hold on the same result. */
  public ResultProxy share() {
    synchronized (shared) {
      shared.holds++;
    }
    return new ResultProxy(shared);
  }

  @Override
  public void close() {
    synchronized (shared) {
      if (!open) {
        return;
      }
      open = false;
      if (--shared.holds > 0) {
        return;
      }
    }
    shared.flight.peek().ifPresent(solved -> solved.result().close());
  }
}
