package dev.buildd.solver.source;

import dev.buildd.session.SessionGroup;
import dev.buildd.solver.graph.Memo;
import dev.buildd.solver.graph.VertexProgress;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * What a source may use while it works for a vertex.
 *
 * @param memos of the jobs for which it works: what a name stood for once, it stands for until they
 *     end
 */
public record SourceContext(
    SessionGroup sessions, VertexProgress progress, Supplier<List<Memo>> memos) {

  /** For work that nobody has to remember. */
  public SourceContext(SessionGroup sessions, VertexProgress progress) {
    this(sessions, progress, List::of);
  }

  /** What one of the jobs knows. */
  public <T extends AutoCloseable> Optional<T> recall(Object key, Class<T> type) {
    return memos.get().stream().flatMap(memo -> memo.find(key, type).stream()).findFirst();
  }

  /**
   * Lets all the jobs know.
   *
   * @param values makes a value for each
   */
  public void remember(Object key, Supplier<AutoCloseable> values) {
    memos.get().forEach(memo -> memo.keep(key, values.get()));
  }
}
