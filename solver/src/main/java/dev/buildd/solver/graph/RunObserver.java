package dev.buildd.solver.graph;

import dev.buildd.base.content.Digest;
import dev.buildd.cache.key.CacheKeyId;
import java.util.List;
import java.util.Optional;

/**
 * Is told of each run of an operation, just before it begins and at its end, with all that decided
 * that no recorded result would do. Safe for use by many threads.
 */
@FunctionalInterface
public interface RunObserver {
  /** Looks at nothing. */
  RunObserver NONE = facts -> recorded -> {};

  /** In a dry run: something would run now. The facts hold until this returns. */
  default void wouldRun(Facts facts) {}

  /**
   * What is known of a run.
   *
   * @param build for which it runs, of several the first
   * @param operation what the operation is, apart from its inputs
   * @param local whether that means something only to the sessions of the moment
   * @param name the one name that depends only on what the result is made of
   * @param forced whether recorded results were not to be used
   * @param pin what the vertex, if it is a source, turned out to be; else empty
   * @param lost recorded results that were found and could not be had
   * @param caches beside the daemon's own, all of which were asked
   * @param progress tells those who watch the run
   */
  record Facts(
      String build,
      Vertex vertex,
      Digest operation,
      boolean local,
      CacheKeyId name,
      boolean forced,
      String pin,
      List<Input> inputs,
      List<Lost> lost,
      List<String> caches,
      VertexProgress progress) {}

  /**
   * An input, as the run uses it.
   *
   * @param name stands for what the input is made of
   * @param content of what is used of it, where that counts instead of the name
   * @param files gives these contents, where there are such
   * @param fresh whether it was made because recorded results were not to be used
   * @param value stays the run's, for as long as it lasts
   */
  record Input(
      Vertex vertex,
      CacheKeyId name,
      Optional<Digest> content,
      Optional<CacheMap.ContentDigest> files,
      boolean fresh,
      SharedResult value) {}

  /** A recorded result that could not be had, and why. */
  record Lost(String cache, String failure) {}

  /** A run is about to begin. Returns at once: what takes time goes on beside the run. */
  Run begins(Facts facts);

  /** A run under way. */
  @FunctionalInterface
  interface Run {
    /**
     * The run has ended, and lets go of its inputs when this returns.
     *
     * @param result the id of the recorded value; empty if the run failed
     */
    void ended(Optional<String> result);
  }
}
