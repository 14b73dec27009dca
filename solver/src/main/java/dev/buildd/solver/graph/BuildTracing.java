package dev.buildd.solver.graph;

import dev.buildd.base.content.Digest;
import java.util.List;
import java.util.Optional;

/** Where in the trace of a build what runs for it belongs. */
@FunctionalInterface
public interface BuildTracing {
  /**
   * What runs for a vertex, or for the build itself if there is none, as W3C's {@code traceparent}.
   */
  String traceparent(Optional<Digest> vertex);

  /** Lets a job know it. */
  default void keepIn(Memo memo) {
    memo.keep(BuildTracing.class, new Known(this));
  }

  /** As a job knows it. */
  record Known(BuildTracing tracing) implements AutoCloseable {
    @Override
    public void close() {}
  }

  /**
   * What runs for a vertex of several builds, or for a build itself: it is told of the first one.
   */
  static Optional<String> find(List<Memo> memos, Optional<Digest> vertex) {
    return memos.stream()
        .flatMap(memo -> memo.find(BuildTracing.class, Known.class).stream())
        .findFirst()
        .map(known -> known.tracing.traceparent(vertex));
  }
}
