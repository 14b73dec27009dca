package dev.buildd.solver.llb;

import dev.buildd.base.content.Digest;
import dev.buildd.solver.graph.CacheSource;
import dev.buildd.solver.graph.Edge;
import dev.buildd.solver.graph.Op;
import dev.buildd.solver.graph.Vertex;
import java.util.List;
import java.util.Optional;

/** A vertex made from a definition. Compared by identity: the solver merges by digest. */
public final class LlbVertex implements Vertex {
  private final Digest digest;
  private final String name;
  private final List<Edge> inputs;
  private final boolean ignoreCache;
  private final boolean exportCache;
  private final Optional<ProgressGroup> group;
  private final List<CacheSource> caches;
  private final Op op;
  private final dev.buildd.proto.pb.Op message;

  LlbVertex(
      Digest digest,
      String name,
      List<Edge> inputs,
      boolean ignoreCache,
      boolean exportCache,
      Optional<ProgressGroup> group,
      List<CacheSource> caches,
      Op op,
      dev.buildd.proto.pb.Op message) {
    this.digest = digest;
    this.name = name;
    this.inputs = List.copyOf(inputs);
    this.ignoreCache = ignoreCache;
    this.exportCache = exportCache;
    this.group = group;
    this.caches = caches;
    this.op = op;
    this.message = message;
  }

  @Override
  public Digest digest() {
    return digest;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public List<Edge> inputs() {
    return inputs;
  }

  @Override
  public boolean ignoreCache() {
    return ignoreCache;
  }

  @Override
  public boolean exportCache() {
    return exportCache;
  }

  @Override
  public Optional<ProgressGroup> progressGroup() {
    return group;
  }

  @Override
  public List<CacheSource> cacheSources() {
    return caches;
  }

  @Override
  public Op op() {
    return op;
  }

  /** The operation as the definition has it. */
  public dev.buildd.proto.pb.Op message() {
    return message;
  }
}
