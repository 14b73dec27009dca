package dev.buildd.daemon;

import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.cache.CacheManager;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.LayerBlob;
import dev.buildd.cache.LayerBlobs;
import dev.buildd.cache.LayerProvider;
import dev.buildd.cache.RefOptions;
import dev.buildd.cache.key.CacheKeyId;
import dev.buildd.cache.key.CacheLink;
import dev.buildd.cache.key.DurableCacheStore;
import dev.buildd.snapshot.LocalSnapshotter;
import dev.buildd.snapshot.OverlaySnapshotter;
import dev.buildd.snapshot.content.LocalContentStore;
import dev.buildd.snapshot.layer.LocalDiffer;
import dev.buildd.snapshot.store.MetadataStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Fills the root of a stopped daemon with records of many steps, for {@code hack/bench.sh}: chains
 * of a hundred, each step with a ref, a key that follows from the one before, and a result. Their
 * files are not there, as those of layers that nobody has wanted yet.
 */
final class StoreLoader {
  private static final int CHAIN = 100;
  private static final int THREADS = 64;
  private static final String LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";

  private StoreLoader() {}

  /**
   * @param args the root, and how many steps
   */
  public static void main(String[] args) throws Exception {
    Path root = Files.createDirectories(Path.of(args[0]));
    int chains = Integer.parseInt(args[1]) / CHAIN;
    Path snapshots = Files.createDirectories(root.resolve("snapshots"));
    long begun = System.nanoTime();
    try (MetadataStore store = MetadataStore.open(root.resolve("metadata"));
        LocalSnapshotter snapshotter = OverlaySnapshotter.open(snapshots, store);
        CacheManager cache =
            CacheManager.open(
                root.resolve("cache"),
                store,
                snapshotter,
                new LocalDiffer(snapshotter),
                Clock.systemUTC())) {
      LocalContentStore content = LocalContentStore.open(root.resolve("content"));
      LayerBlobs layers = new LayerBlobs(cache, content, content);
      DurableCacheStore keys = new DurableCacheStore("local", store, Clock.systemUTC());
      AtomicInteger next = new AtomicInteger();
      try (Scope scope = Scope.open("load")) {
        for (int thread = 0; thread < THREADS; thread++) {
          scope.fork(
              "load",
              () -> {
                for (int i = next.getAndIncrement(); i < chains; i = next.getAndIncrement()) {
                  chain("chain " + i, layers, keys);
                }
              });
        }
        scope.join();
      }
      store.flush();
    }
    System.out.printf(
        "%d steps loaded in %.1f s%n", chains * CHAIN, (System.nanoTime() - begun) / 1e9);
  }

  private static void chain(String name, LayerBlobs layers, DurableCacheStore keys) {
    Optional<ImmutableRef> below = Optional.empty();
    CacheKeyId from = CacheKeyId.root(Digest.of(name), 0);
    for (int i = 0; i < CHAIN; i++) {
      Digest digest = Digest.of(name + " " + i);
      LayerBlob blob = new LayerBlob(Descriptor.of(LAYER, digest, 1_000), digest);
      ImmutableRef ref =
          layers.newLazy(below, RefOptions.of("step of " + name), blob, LayerProvider.NONE);
      below.ifPresent(ImmutableRef::close);
      below = Optional.of(ref);
      CacheKeyId to = CacheKeyId.of(digest);
      keys.link(from, CacheLink.of(0, 0, digest, Optional.empty()), to);
      keys.save(to, "worker::" + ref.id());
      from = to;
    }
    below.ifPresent(ImmutableRef::close);
  }
}
