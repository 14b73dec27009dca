package dev.buildd.solver.source;

import dev.buildd.session.SessionGroup;
import dev.buildd.solver.graph.Memory;
import dev.buildd.solver.graph.VertexProgress;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * What a source may use while it works for a vertex.
 *
 * @param memories of the jobs for which it works: what a name stood for once, it stands for until
 *     they end
 */
public record SourceContext(
    SessionGroup sessions, VertexProgress progress, Supplier<List<Memory>> memories) {

  /** For work that nobody has to remember. */
  public SourceContext(SessionGroup sessions, VertexProgress progress) {
    this(sessions, progress, List::of);
  }

  /** What one of the jobs knows. */
  public <T extends AutoCloseable> Optional<T> recall(Object key, Class<T> type) {
    return memories.get().stream().flatMap(memory -> memory.find(key, type).stream()).findFirst();
  }

  /**
   * Lets all the jobs know.
   *
   * @param values makes a value for each
   */
  public void remember(Object key, Supplier<AutoCloseable> values) {
    memories.get().forEach(memory -> memory.keep(key, values.get()));
  }
}
