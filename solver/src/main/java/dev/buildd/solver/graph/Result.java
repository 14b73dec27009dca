package dev.buildd.solver.graph;

/** A counted reference to a value. Whoever holds one closes it once. */
public interface Result extends AutoCloseable {
  /** Under which the cache finds the value again. */
  String id();

  /** Another reference to the same value. */
  Result share();

  @Override
  void close();
}
