package dev.buildd.cache.registry;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;

/**
 * How many transfers each registry is given at once, whatever number of builds want them: so many
 * of blobs, and one of a manifest besides, that a build which only asks is not kept waiting by
 * those that load. Safe for use by many threads.
 */
final class TransferSlots {
  private final int limit;
  private final Map<String, Host> hosts = new ConcurrentHashMap<>();

  /** The free places of one registry. */
  private static final class Host {
    final Semaphore blobs;
    final Semaphore all;

    Host(int limit) {
      this.blobs = new Semaphore(limit, true);
      this.all = new Semaphore(limit + 1, true);
    }
  }

  /** A place that is taken until closed. */
  interface Slot extends AutoCloseable {
    @Override
    void close();
  }

  TransferSlots(int limit) {
    this.limit = limit;
  }

  /** Waits for a place for a blob. */
  Slot takeBlob(String registry) throws InterruptedException {
    Host host = host(registry);
    host.blobs.acquire();
    try {
      host.all.acquire();
    } catch (InterruptedException e) {
      host.blobs.release();
      throw e;
    }
    return () -> {
      host.all.release();
      host.blobs.release();
    };
  }

  /** Waits for a place for a manifest. */
  Slot takeManifest(String registry) throws InterruptedException {
    Host host = host(registry);
    host.all.acquire();
    return host.all::release;
  }

  private Host host(String registry) {
    return hosts.computeIfAbsent(registry, _ -> new Host(limit));
  }
}
