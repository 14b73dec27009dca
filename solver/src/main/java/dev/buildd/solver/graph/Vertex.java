package dev.buildd.solver.graph;

import dev.buildd.base.content.Digest;
import java.util.List;
import java.util.Optional;

/**
 * A node of the build graph: an operation and its inputs, named by the digest of its definition.
 */
public interface Vertex {
  /** The digest of the operation as it was received. */
  Digest digest();

  /** What users see, for example {@code docker-image://docker.io/library/alpine}. */
  String name();

  List<Edge> inputs();

  /** Whether results recorded earlier may not be used; what it makes is recorded all the same. */
  boolean ignoreCache();

  /** Whether its result may enter an exported cache. */
  boolean exportCache();

  Optional<ProgressGroup> progressGroup();

  /** Caches beside the daemon's own that may know this vertex. */
  List<CacheSource> cacheSources();

  Op op();

  /** Several vertices that users see as one. */
  record ProgressGroup(String id, String name, boolean weak) {}
}
