package dev.buildd.base.concurrent;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/**
 * Work that is done once for all who want the same thing at the same time, by keys. A key's work
 * begins with its first user and its value lasts until its last user has left; who comes later
 * starts anew. A user who is cancelled leaves the others undisturbed: only the last one to leave
 * interrupts the work, and waits for its end. Work that fails after the user who brought it was
 * cancelled may have failed for that (its session has ended), so the others then try their own.
 * Nobody starts a key's work before an earlier one of that key is over.
 *
 * <p>Safe for use by many threads.
 */
public final class KeyedFlights<K, V> {
  /** What is done with a value that its last user has left. */
  @FunctionalInterface
  public interface Disposal<V> {
    void dispose(V value) throws Exception;
  }

  private final String name;
  private final Disposal<V> disposal;
  private final Object lock = new Object();

  // guarded by lock; holds what is being made and what is in use, and nothing else
  private final Map<K, Entry<V>> entries = new HashMap<>();

  /** One run of a key's work; guarded by the lock until it is over. */
  private static final class Entry<V> {
    final CountDownLatch over = new CountDownLatch(1);
    @Nullable Thread thread;
    int users;
    boolean abandoned; // by all its users, before it was over
    boolean orphaned; // by the user whose work it is, before it was over
    @Nullable V value;
    @Nullable Exception failure;
  }

  /**
   * @param name of the work, for thread dumps; the key follows it
   */
  public KeyedFlights(String name) {
    this(name, value -> {});
  }

  /**
   * @param disposal takes a value that nobody uses any more; its failures are logged
   */
  public KeyedFlights(String name, Disposal<V> disposal) {
    this.name = name;
    this.disposal = disposal;
  }

  /** One user's hold on a value. */
  public final class Lease implements AutoCloseable {
    private final K key;
    private final Entry<V> entry;
    private final V value;
    private boolean open = true; // guarded by lock

    private Lease(K key, Entry<V> entry, V value) {
      this.key = key;
      this.entry = entry;
      this.value = value;
    }

    public V value() {
      return value;
    }

    @Override
    public void close() {
      synchronized (lock) {
        if (!open) {
          return;
        }
        open = false;
      }
      leave(key, entry, false);
    }
  }

  /**
   * The value that somebody makes or uses already, else one made now.
   *
   * @throws Exception the failure of the work, to all who wait for it; an {@code Error} comes in an
   *     {@code IllegalStateException}
   */
  public Lease acquire(K key, Callable<? extends V> work) throws Exception {
    while (true) {
      Entered<V> entered = enter(key, work);
      Entry<V> entry = entered.entry;
      boolean acquired = false;
      try {
        entry.over.await();
        V value = entry.value; // no lock: written before it was over
        if (value != null) {
          acquired = true;
          return new Lease(key, entry, value);
        }
        Exception failure = entry.failure;
        if (failure != null && !entry.orphaned) {
          throw failure;
        }
      } finally {
        if (!acquired) {
          leave(key, entry, entered.ours);
        }
      }
    }
  }

  /** As {@link #acquire}, for values that need nobody to hold them. */
  public V join(K key, Callable<? extends V> work) throws Exception {
    try (Lease lease = acquire(key, work)) {
      return lease.value();
    }
  }

  /** How many keys are being worked on or in use, for tests and leak checks. */
  public int size() {
    synchronized (lock) {
      return entries.size();
    }
  }

  /** An entry, and whether the work is that of who entered. */
  private record Entered<V>(Entry<V> entry, boolean ours) {}

  private Entered<V> enter(K key, Callable<? extends V> work) throws InterruptedException {
    synchronized (lock) {
      Entry<V> entry = entries.get(key);
      while (entry != null && entry.abandoned) {
        lock.wait(); // what its users gave up is not over yet
        entry = entries.get(key);
      }
      boolean ours = entry == null;
      if (entry == null) {
        Entry<V> begun = new Entry<>();
        begun.thread = Threads.unstarted(name + " " + key, () -> run(key, begun, work));
        entries.put(key, begun);
        begun.thread.start();
        entry = begun;
      }
      entry.users++;
      return new Entered<>(entry, ours);
    }
  }

  private void run(K key, Entry<V> entry, Callable<? extends V> work) {
    @Nullable V value = null;
    @Nullable Exception failure = null;
    try {
      value = work.call();
      failure = value == null ? new IllegalStateException(name + " " + key + ": no value") : null;
    } catch (Exception e) {
      failure = e;
    } catch (Throwable e) {
      failure = new IllegalStateException(name + " " + key + ": " + e, e);
    }
    boolean unwanted;
    synchronized (lock) {
      entry.value = value;
      entry.failure = failure;
      unwanted = entry.abandoned;
      if (unwanted || failure != null) {
        entries.remove(key, entry); // who comes now starts anew
        lock.notifyAll();
      }
    }
    if (unwanted && value != null) {
      dispose(key, value);
    }
    entry.over.countDown();
  }

  private void leave(K key, Entry<V> entry, boolean ours) {
    V unused;
    synchronized (lock) {
      boolean over = entry.value != null || entry.failure != null;
      entry.orphaned |= ours && !over;
      if (--entry.users > 0) {
        return;
      }
      unused = entry.value;
      if (!over) {
        entry.abandoned = true;
        if (entry.thread != null) {
          entry.thread.interrupt();
        }
      } else {
        entries.remove(key, entry);
      }
    }
    Scope.awaitUninterruptibly(entry.over); // whoever cancels waits for the work to be over
    if (unused != null) {
      dispose(key, unused);
    }
  }

  private void dispose(K key, V value) {
    Cleanup.run("let go of " + name + " " + key, () -> disposal.dispose(value));
  }
}
