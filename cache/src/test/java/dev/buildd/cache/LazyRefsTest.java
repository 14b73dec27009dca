package dev.buildd.cache;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.snapshot.LocalSnapshotter;
import dev.buildd.snapshot.Mount;
import dev.buildd.snapshot.MountPoint;
import dev.buildd.snapshot.OverlaySnapshotter;
import dev.buildd.snapshot.content.LocalContentStore;
import dev.buildd.snapshot.layer.LocalDiffer;
import dev.buildd.snapshot.store.MetadataStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("root")
class LazyRefsTest {
  private static final String LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";

  @TempDir Path temp;
  private MetadataStore store;
  private LocalSnapshotter snapshots;
  private CacheManager cache;
  private LayerBlobs blobs;

  @BeforeEach
  void start() {
    store = MetadataStore.open(temp.resolve("metadata"));
    snapshots = OverlaySnapshotter.open(temp.resolve("snapshots"), store);
    cache =
        CacheManager.open(
            temp.resolve("cache"), store, snapshots, new LocalDiffer(snapshots), Clock.systemUTC());
    LocalContentStore content = LocalContentStore.open(temp.resolve("content"));
    blobs = new LayerBlobs(cache, content, content);
  }

  @AfterEach
  void stop() {
    cache.close();
    snapshots.close();
    store.close();
  }

  private ImmutableRef lazy(Optional<ImmutableRef> below, String name, LayerProvider provider) {
    Digest digest = Digest.of(name);
    return blobs.newLazy(
        below,
        RefOptions.of(name),
        new LayerBlob(Descriptor.of(LAYER, digest, 1), digest),
        provider);
  }

  /** Unpacks one file, when it may. */
  private static final class HeldProvider implements LayerProvider {
    final AtomicInteger unpacked = new AtomicInteger();
    final CountDownLatch begun = new CountDownLatch(1);
    final CountDownLatch go = new CountDownLatch(1);
    final Path scratch;

    HeldProvider(Path scratch) {
      this.scratch = scratch;
    }

    @Override
    public boolean has(LayerBlob layer) {
      return true;
    }

    @Override
    public AutoCloseable fetch(LayerBlob layer) {
      return () -> {};
    }

    @Override
    public void unpack(LayerBlob layer, List<Mount> into) throws Exception {
      try (MountPoint at = MountPoint.open(into, scratch)) {
        Files.writeString(at.path().resolve("f"), "unpack " + unpacked.incrementAndGet());
      }
      begun.countDown();
      go.await();
    }
  }

  /** Somebody who wants the files, waiting for them. */
  private record User(FutureTask<Boolean> done, Thread thread) {
    static User of(ImmutableRef ref) {
      FutureTask<Boolean> done =
          new FutureTask<>(() -> {
            try (ImmutableRef own = ref.share()) {
              own.prepare();
              return true;
            }
          });
      return new User(done, Threads.start("user", done));
    }

    User waits() {
      while (thread.getState() != Thread.State.WAITING) {
        Thread.onSpinWait();
      }
      return this;
    }
  }

  @Test
  void aCancelledUserDoesNotLetALayerBeUnpackedTwice() throws Exception {
    HeldProvider provider = new HeldProvider(temp);
    try (ImmutableRef layer = lazy(Optional.empty(), "x", provider)) {
      User first = User.of(layer);
      provider.begun.await();
      User second = User.of(layer).waits();
      first.thread.interrupt();
      first.thread.join();
      User third = User.of(layer).waits();
      provider.go.countDown();
      assertThat(List.of(second.done.get(), third.done.get())).containsOnly(true);
      assertThat(provider.unpacked).hasValue(1);
      assertThat(snapshots.ids()).hasSize(1);
      try (MutableRef step = cache.newMutable(Optional.of(layer), RefOptions.of("step"))) {
        step.commit().close();
      }
    }
    stop();
    start();
    assertThat(snapshots.ids()).hasSize(2);
    assertThat(cache.diskUsage(record -> true)).hasSize(2);
  }
}
