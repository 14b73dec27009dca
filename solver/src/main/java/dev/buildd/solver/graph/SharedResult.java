package dev.buildd.solver.graph;

/** A counted reference to a value. Whoever holds one closes it once. */
public interface SharedResult extends AutoCloseable {
  /** Under which the cache finds the value again. */
  String id();

  /** Brings what the value stands for to this machine, unless it is here; for its use as input. */
  default void prepare() throws Exception {}

  /** Another reference to the same value. */
  SharedResult share();

  @Override
  void close();
}
