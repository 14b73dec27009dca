package dev.buildd.snapshot.store;

import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import org.jspecify.annotations.Nullable;

/**
 * The objects that stand for rows in memory, one for each row that somebody uses. One stays as long
 * as it is pinned, because it differs from its row or somebody holds it, or as long as anybody
 * refers to it.
 *
 * <p>Safe for use by many threads; never waits.
 */
public final class Resident<T> {
  private static final class Known<T> extends WeakReference<T> {
    final String id;

    Known(String id, T object, ReferenceQueue<T> queue) {
      super(object, queue);
      this.id = id;
    }
  }

  private record Pinned<T>(T object, int pins) {}

  private final ReferenceQueue<T> collected = new ReferenceQueue<>();
  private final ConcurrentMap<String, Known<T>> known = new ConcurrentHashMap<>();
  private final ConcurrentMap<String, Pinned<T>> pinned = new ConcurrentHashMap<>();

  /** The object of a row, if it is in memory. */
  public Optional<T> find(String id) {
    Known<T> reference = known.get(id);
    @Nullable T object = reference == null ? null : reference.get();
    return Optional.ofNullable(object);
  }

  /** Makes an object known, which is the only one of its row. */
  @SuppressWarnings("unchecked") // the queue has what was put into it
  public void add(String id, T object) {
    known.put(id, new Known<>(id, object, collected));
    for (var gone = collected.poll(); gone != null; gone = collected.poll()) {
      known.remove(((Known<T>) gone).id, gone);
    }
  }

  /** Keeps an object in memory, once more. */
  public void pin(String id, T object) {
    pinned.compute(
        id, (same, before) -> new Pinned<>(object, before == null ? 1 : before.pins + 1));
  }

  /** Takes one {@link #pin} back; nothing happens without one. */
  public void unpin(String id) {
    pinned.computeIfPresent(
        id,
        (same, before) -> before.pins == 1 ? null : new Pinned<>(before.object, before.pins - 1));
  }

  /** Lets go of an object whose row is no more. */
  public void forget(String id) {
    pinned.remove(id);
    known.remove(id);
  }

  /** What is pinned now. */
  public List<T> pinned() {
    List<T> out = new ArrayList<>();
    pinned.values().forEach(one -> out.add(one.object));
    return out;
  }
}
