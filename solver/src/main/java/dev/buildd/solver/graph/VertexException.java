package dev.buildd.solver.graph;

import dev.buildd.base.content.Digest;
import org.jspecify.annotations.Nullable;

/** A vertex failed. The message is the cause's; {@link #vertex()} says which one it was. */
public final class VertexException extends Exception {
  private static final long serialVersionUID = 1L;

  private final transient @Nullable Digest vertex;
  private final String name;

  public VertexException(Digest vertex, String name, Throwable cause) {
    super(cause.getMessage() == null ? cause.toString() : cause.getMessage(), cause);
    this.vertex = vertex;
    this.name = name;
  }

  public @Nullable Digest vertex() {
    return vertex;
  }

  public String vertexName() {
    return name;
  }
}
