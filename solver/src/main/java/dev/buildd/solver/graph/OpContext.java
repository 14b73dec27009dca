package dev.buildd.solver.graph;

import dev.buildd.base.content.Digest;
import java.util.List;

/** What an operation may ask of the solver. */
public interface OpContext {
  /** The vertex for which the operation runs. */
  Digest vertexDigest();

  VertexProgress progress();

  /**
   * The sessions of the jobs that want this vertex, in the order in which they came; computed when
   * asked, as jobs come and go.
   */
  List<String> sessions();

  /** What is known to the jobs that want this vertex, in the same order. */
  List<Memo> memos();

  /** Solves a graph on behalf of the same jobs. The result belongs to the solver. */
  SharedResult build(Edge edge) throws Exception;
}
