package dev.buildd.solver.source.git;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Semaphore;

/** A lock for each name, which is there while somebody holds it or waits for it. */
final class KeyedLock {
  private final Map<String, Hold> locks = new HashMap<>(); // guarded by itself

  /** Of one name; closing it gives the lock to the next who waits. */
  final class Hold implements AutoCloseable {
    private final String name;
    private final Semaphore free = new Semaphore(1);
    private int users; // guarded by locks

    private Hold(String name) {
      this.name = name;
    }

    @Override
    public void close() {
      free.release();
      leave(this);
    }
  }

  /** Waits for the lock of a name. */
  Hold lock(String name) throws InterruptedException {
    Hold hold;
    synchronized (locks) {
      hold = locks.computeIfAbsent(name, Hold::new);
      hold.users++;
    }
    try {
      hold.free.acquire();
      return hold;
    } catch (InterruptedException e) {
      leave(hold);
      throw e;
    }
  }

  private void leave(Hold hold) {
    synchronized (locks) {
      if (--hold.users == 0) {
        locks.remove(hold.name);
      }
    }
  }
}
