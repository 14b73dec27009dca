package dev.buildd.solver.source.image;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.concurrent.Flight;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;

/**
 * Values that are made once for all who want them at the same time, and closed when the last of
 * them is done.
 *
 * <p>Safe for use by many threads.
 */
final class Shared<K, V extends AutoCloseable> {
  private final Object lock = new Object();
  private final Map<K, Entry<V>> entries = new HashMap<>(); // guarded by lock

  private static final class Entry<V> {
    final Flight<V> flight;
    int users; // guarded by lock

    Entry(Flight<V> flight) {
      this.flight = flight;
    }
  }

  /** One user's hold on a value. */
  final class Lease implements AutoCloseable {
    private final K key;
    private final Entry<V> entry;
    private final V value;

    private Lease(K key, Entry<V> entry, V value) {
      this.key = key;
      this.entry = entry;
      this.value = value;
    }

    V value() {
      return value;
    }

    /** Called once. */
    @Override
    public void close() {
      leave(key, entry);
    }
  }

  /** The value that somebody is using or making, else one made now. */
  Lease acquire(K key, Callable<V> make) throws Exception {
    Entry<V> entry;
    synchronized (lock) {
      entry = entries.computeIfAbsent(key, k -> new Entry<>(new Flight<>(String.valueOf(k), make)));
      entry.users++;
    }
    boolean joined = false;
    try {
      Lease lease = new Lease(key, entry, entry.flight.join());
      joined = true;
      return lease;
    } finally {
      if (!joined) {
        leave(key, entry);
      }
    }
  }

  private void leave(K key, Entry<V> entry) {
    Optional<V> unused = Optional.empty();
    synchronized (lock) {
      if (--entry.users == 0) {
        entries.remove(key, entry);
        unused = entry.flight.peek();
      }
    }
    unused.ifPresent(value -> Cleanup.run("close " + key, value::close));
  }
}
