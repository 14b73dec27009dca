package dev.buildd.solver.graph;

import dev.buildd.base.content.Digest;
import java.util.List;
import java.util.Optional;

/**
 * How an operation is cached.
 *
 * @param digest what the operation is, apart from its inputs
 * @param random whether the digest means nothing beyond this daemon's present sessions
 * @param dependencies for each input what of it counts
 * @param last whether there is no further, costlier map; always true of operations with inputs
 */
public record CacheMap(Digest digest, boolean random, List<Dependency> dependencies, boolean last) {

  /**
   * @param selector names the part of the input that is used, empty for the whole
   * @param content computes a digest of what is used of the input, where that may replace its
   *     definition
   */
  public record Dependency(Optional<Digest> selector, Optional<ContentDigest> content) {
    public static final Dependency WHOLE = new Dependency(Optional.empty(), Optional.empty());
  }

  /** Computes the digest of what an operation uses of an input. */
  @FunctionalInterface
  public interface ContentDigest {
    Digest of(SharedResult input, OpContext context) throws Exception;
  }

  public CacheMap {
    dependencies = List.copyOf(dependencies);
  }

  public static CacheMap root(Digest digest) {
    return new CacheMap(digest, false, List.of(), true);
  }
}
