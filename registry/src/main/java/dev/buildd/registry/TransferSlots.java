package dev.buildd.registry;

import java.util.Optional;
import java.util.concurrent.Semaphore;

/**
 * How many transfers a registry is given at once, whatever number of builds want them: so many of
 * blobs, and one of a manifest besides, that a build which only asks is not kept waiting by those
 * that load. Safe for use by many threads.
 */
final class TransferSlots {
  private final Semaphore blobs;
  private final Semaphore all;

  /** A place that is taken until closed. */
  interface Slot extends AutoCloseable {
    @Override
    void close();
  }

  TransferSlots(int limit) {
    this.blobs = new Semaphore(limit, true);
    this.all = new Semaphore(limit + 1, true);
  }

  /** Waits for a place for a blob. */
  Slot takeBlob() throws InterruptedException {
    blobs.acquire();
    try {
      all.acquire();
    } catch (InterruptedException e) {
      blobs.release();
      throw e;
    }
    return this::releaseBlob;
  }

  /** A place for a part of a blob, if one is free that nobody waits for. */
  Optional<Slot> spare() {
    if (isAwaited() || !blobs.tryAcquire()) {
      return Optional.empty();
    }
    if (!all.tryAcquire()) {
      blobs.release();
      return Optional.empty();
    }
    return Optional.of(this::releaseBlob);
  }

  /** Whether somebody waits for a place. */
  boolean isAwaited() {
    return blobs.hasQueuedThreads() || all.hasQueuedThreads();
  }

  private void releaseBlob() {
    all.release();
    blobs.release();
  }

  /** Waits for a place for a manifest. */
  Slot takeManifest() throws InterruptedException {
    all.acquire();
    return all::release;
  }
}
