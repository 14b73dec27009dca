package dev.buildd.cache;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.content.Digest;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;

/**
 * The layers of an export that are not in the content store, where a registry may have them
 * already. Those that are fetched stay until this is closed.
 *
 * <p>Safe for use by many threads; closed once nobody uses it.
 */
public final class LazyBlobs implements AutoCloseable {
  private final Object lock = new Object();
  private final Map<Digest, ImmutableRef> layers = new HashMap<>(); // guarded by lock
  private final List<AutoCloseable> fetched = new ArrayList<>(); // guarded by lock

  void add(ImmutableRef layer, Digest blob) {
    synchronized (lock) {
      layers.computeIfAbsent(blob, b -> layer.share());
    }
  }

  /** Brings a blob into the content store if it is one of these; else it is there. */
  public void fetch(Digest blob) throws Exception {
    ImmutableRef layer;
    synchronized (lock) {
      layer = layers.get(blob);
    }
    if (layer != null) {
      AutoCloseable hold = layer.fetchBlob();
      synchronized (lock) {
        fetched.add(hold);
      }
    }
  }

  /** Brings all of them, side by side as far as their registries let it. */
  public void fetchAll() throws Exception {
    List<Callable<Boolean>> all = new ArrayList<>();
    synchronized (lock) {
      for (Digest blob : layers.keySet()) {
        all.add(() -> {
          fetch(blob);
          return true;
        });
      }
    }
    if (!all.isEmpty()) {
      Scope.all("fetch layers", all);
    }
  }

  @Override
  public void close() {
    synchronized (lock) {
      fetched.forEach(hold -> Cleanup.run("close blob", hold::close));
      layers.values().forEach(ImmutableRef::close);
      fetched.clear();
      layers.clear();
    }
  }
}
