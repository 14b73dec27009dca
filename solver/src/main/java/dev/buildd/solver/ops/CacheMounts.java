package dev.buildd.solver.ops;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.cache.CacheManager;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.Mounted;
import dev.buildd.cache.MutableRef;
import dev.buildd.cache.RefOptions;
import dev.buildd.proto.pb.CacheSharingOpt;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Directories that steps keep for the next time, found again by their ids.
 *
 * <p>Safe for use by many threads.
 */
public final class CacheMounts {
  private static final String BY_KEY = "cache-dir";
  private static final String BY_ID = "cache-dir-id";
  private static final long RETRY_MILLIS = 100; // for refs that are held by others than mounts

  private final CacheManager cache;
  private final Map<String, Share> shared = new HashMap<>(); // guarded by this

  public CacheMounts(CacheManager cache) {
    this.cache = cache;
  }

  /** A directory in use. */
  private static final class Share {
    final String key;
    final MutableRef ref;
    final boolean isShared;
    int users = 1; // guarded by CacheMounts

    Share(String key, MutableRef ref, boolean isShared) {
      this.key = key;
      this.ref = ref;
      this.isShared = isShared;
    }
  }

  /** The hold of one step on a directory; closed once. */
  final class CacheMount implements AutoCloseable {
    private final Share share;
    private boolean open = true;

    private CacheMount(Share share) {
      this.share = share;
    }

    Mounted mount() {
      return share.ref.mount();
    }

    @Override
    public void close() {
      synchronized (CacheMounts.this) {
        if (!open) {
          return;
        }
        open = false;
        if (--share.users == 0) {
          if (share.isShared) {
            shared.remove(share.key, share);
          }
          share.ref.close();
          CacheMounts.this.notifyAll();
        }
      }
    }
  }

  /**
   * A directory by its id, beginning as {@code base}, under the rules of its sharing: shared with
   * whoever else uses it, alone with a directory of its own if it is in use, or alone after waiting
   * for it.
   */
  synchronized CacheMount acquire(
      String id, Optional<ImmutableRef> base, CacheSharingOpt sharing, String description)
      throws InterruptedException {
    String key = base.map(ref -> id + ":" + ref.id()).orElse(id);
    boolean isShared = sharing == CacheSharingOpt.SHARED;
    if (isShared) {
      Share known = shared.get(key);
      if (known != null) {
        known.users++;
        return new CacheMount(known);
      }
    }
    MutableRef ref = open(key, id, base, sharing == CacheSharingOpt.LOCKED, description);
    Share share = new Share(key, ref, isShared);
    if (isShared) {
      Share raced = shared.get(key); // while this thread waited, another opened it
      if (raced != null) {
        ref.close();
        raced.users++;
        return new CacheMount(raced);
      }
      shared.put(key, share);
    }
    return new CacheMount(share);
  }

  private MutableRef open(
      String key, String id, Optional<ImmutableRef> base, boolean wait, String description)
      throws InterruptedException {
    while (true) {
      boolean locked = false;
      for (String found : cache.search(BY_KEY, key)) {
        try {
          return cache.getMutable(found);
        } catch (BuildException e) {
          if (e.category() == Category.NOT_FOUND) {
            continue; // pruned meanwhile
          }
          locked = true;
        }
      }
      if (!locked || !wait) {
        return cache.newMutable(
            base,
            RefOptions.of(description)
                .withRecordType(RefOptions.EXEC_CACHE_MOUNT)
                .withRetain()
                .withIndex(BY_KEY, key)
                .withIndex(BY_ID, id));
      }
      wait(RETRY_MILLIS);
    }
  }

  /** Forgets the directories with these ids: steps that come later begin with empty ones. */
  public synchronized void forget(Collection<String> ids) {
    for (String id : ids) {
      for (Share share : new ArrayList<>(shared.values())) {
        if (share.key.equals(id) || share.key.startsWith(id + ":")) {
          share.ref.retain(false);
          share.ref.index(BY_KEY, "");
          share.ref.index(BY_ID, "");
          shared.remove(share.key);
        }
      }
      for (String found : List.copyOf(cache.search(BY_ID, id))) {
        try (MutableRef ref = cache.getMutable(found)) {
          ref.retain(false);
        } catch (BuildException e) {
          if (e.category() != Category.NOT_FOUND && e.category() != Category.FAILED_PRECONDITION) {
            throw e;
          }
        }
      }
    }
  }
}
