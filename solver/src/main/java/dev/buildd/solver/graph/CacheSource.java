package dev.buildd.solver.graph;

import dev.buildd.cache.key.CacheRecord;
import dev.buildd.cache.key.CacheStore;

/** A place that remembers results: keys that lead to records, and a way to load what they name. */
public interface CacheSource {
  String id();

  /** What users call it. */
  default String name() {
    return id();
  }

  CacheStore keys();

  /**
   * Brings the recorded value back; the caller owns it.
   *
   * @param used whether an operation is going to use it: then it comes prepared
   * @throws Exception if the value cannot be had, which makes it a miss
   */
  SharedResult load(CacheRecord record, OpContext context, boolean used) throws Exception;

  /**
   * Lets the daemon's own cache know a value that was loaded from here, under the same key.
   *
   * @param main the daemon's own
   */
  default void adopt(CacheRecord record, SharedResult loaded, CacheStore main) {}
}
