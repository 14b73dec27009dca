package dev.buildd.solver.graph;

import dev.buildd.base.concurrent.Cleanup;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What was found out for a job and must not change while it lasts, such as what a name of the
 * outside world stands for. Keys are values of a type of the asker's own.
 *
 * <p>Safe for use by many threads.
 */
public final class Memo implements AutoCloseable {
  private final Map<Object, AutoCloseable> known = new HashMap<>(); // guarded by this
  private boolean closed; // guarded by this

  /** What is known; it stays the memo's, and may be closed as soon as the job is. */
  public synchronized <T extends AutoCloseable> Optional<T> find(Object key, Class<T> type) {
    return Optional.ofNullable(known.get(key)).map(type::cast);
  }

  /** Takes the value over; what is known already stays, and then the new value is closed. */
  public void keep(Object key, AutoCloseable value) {
    synchronized (this) {
      if (!closed && known.putIfAbsent(key, value) == null) {
        return;
      }
    }
    Cleanup.run("forget what is known already", value::close);
  }

  @Override
  public void close() {
    List<AutoCloseable> values;
    synchronized (this) {
      closed = true;
      values = new ArrayList<>(known.values());
      known.clear();
    }
    values.forEach(value -> Cleanup.run("forget what a job knew", value::close));
  }
}
