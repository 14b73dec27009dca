package dev.buildd.solver.graph;

/** One output of a vertex. */
public record Edge(Vertex vertex, int output) {
  public Edge {
    if (output < 0) {
      throw new IllegalArgumentException("negative output " + output + " of " + vertex.name());
    }
  }
}
