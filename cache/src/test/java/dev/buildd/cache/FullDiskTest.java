package dev.buildd.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.snapshot.Mount;
import dev.buildd.snapshot.OverlaySnapshotter;
import dev.buildd.snapshot.layer.LocalDiffer;
import dev.buildd.snapshot.store.MetadataStore;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On a disk that others have filled to the last byte nothing can be written, and nothing leaks. */
@Tag("root")
class FullDiskTest {
  @TempDir Path temp;
  private Path disk;
  private MetadataStore store;
  private OverlaySnapshotter snapshots;
  private CacheManager cache;

  @BeforeEach
  void start() throws IOException {
    disk = Files.createDirectory(temp.resolve("disk"));
    new Mount("tmpfs", "tmpfs", List.of("size=64m")).at(disk);
    open();
  }

  private void open() {
    store = MetadataStore.open(disk.resolve("metadata"));
    snapshots = OverlaySnapshotter.open(disk.resolve("snapshots"), store);
    cache =
        CacheManager.open(
            disk.resolve("cache"), store, snapshots, new LocalDiffer(snapshots), Clock.systemUTC());
  }

  @AfterEach
  void stop() throws IOException {
    close();
    Mount.detachAllBelow(temp.toRealPath());
  }

  private void close() {
    cache.close();
    snapshots.close();
    store.close();
  }

  /** Takes all space, also what the store keeps back, until not even a record can be written. */
  private void fill() throws IOException {
    Files.deleteIfExists(disk.resolve("metadata/reserve"));
    try (OutputStream out = Files.newOutputStream(disk.resolve("filler"))) {
      for (int size = 1 << 20; size > 0; size /= 2) {
        try {
          while (true) {
            out.write(new byte[size]);
          }
        } catch (IOException e) {
          // with smaller pieces
        }
      }
    }
    try {
      while (true) { // the log's last page may have room
        cache.newMutable(Optional.empty(), RefOptions.of("kept").withRetain()).close();
      }
    } catch (BuildException e) {
      assertThat(e.category()).isEqualTo(Category.RESOURCE_EXHAUSTED);
    }
  }

  private void giveRoom() throws IOException {
    Files.delete(disk.resolve("filler"));
  }

  /** Does something once the store has found that there is space again. */
  private static void atLast(Runnable body) {
    long end = System.nanoTime() + Duration.ofSeconds(30).toNanos();
    while (true) {
      try {
        body.run();
        return;
      } catch (BuildException e) {
        assertThat(System.nanoTime()).as("%s", e).isLessThan(end);
      }
    }
  }

  private static void write(MutableRef ref, String text) throws IOException {
    try (Mounted at = ref.mount()) {
      Files.writeString(at.path().resolve("f"), text);
    }
  }

  @Test
  void whatCannotBeOpenedIsNotHeldAndAnEarlierResultDoesNotComeBack() throws Exception {
    MutableRef kept = cache.newMutable(Optional.empty(), RefOptions.of("kept").withRetain());
    write(kept, "first");
    String earlier;
    try (ImmutableRef result = kept.commit()) {
      earlier = result.id();
    }
    fill();
    assertThatThrownBy(() -> cache.getMutable(kept.id())).isInstanceOf(BuildException.class);
    assertThat(cache.holds()).isZero();
    giveRoom();
    atLast(() -> {
      try (MutableRef again = cache.getMutable(kept.id())) {
        write(again, "second");
        again.commit().close();
      } catch (IOException e) {
        throw new AssertionError(e);
      }
    });
    assertThat(cache.holds()).isZero();
    close();
    open();
    assertThatThrownBy(() -> cache.get(earlier)).hasMessageContaining("not found");
  }

  @Test
  void whatCouldNotBeOpenedIsThereAfterARestart() throws Exception {
    MutableRef kept = cache.newMutable(Optional.empty(), RefOptions.of("kept").withRetain());
    write(kept, "first");
    kept.commit().close();
    fill();
    assertThatThrownBy(() -> cache.getMutable(kept.id())).isInstanceOf(BuildException.class);
    giveRoom();
    atLast(cache::removeUndeleted);
    close();
    open();
    try (MutableRef again = cache.getMutable(kept.id());
        Mounted at = again.mount()) {
      assertThat(at.path().resolve("f")).hasContent("first");
    }
  }

  @Test
  void whatCouldNotBeRemovedGoesOnceThereIsRoom() throws Exception {
    for (int i = 0; i < 3; i++) {
      try (MutableRef ref = cache.newMutable(Optional.empty(), RefOptions.of("step"))) {
        write(ref, "x".repeat(100_000));
        ref.commit().close();
      }
    }
    assertThat(cache.diskUsage(record -> true)).hasSize(3); // and their uses are written
    cache.usage().measuredTotal();
    MutableRef dropped = cache.newMutable(Optional.empty(), RefOptions.of("dropped"));
    fill();
    assertThatThrownBy(() -> cache.prune(PruneOptions.everything(), record -> {}))
        .isInstanceOf(BuildException.class);
    dropped.close();
    giveRoom();
    atLast(() -> cache.prune(PruneOptions.everything(), record -> {}));
    atLast(() -> {
      snapshots.awaitRemovals();
      if (!snapshots.ids().isEmpty()) {
        throw BuildException.unknown("snapshots are left: " + snapshots.ids(), null);
      }
    });
    try (var files = Files.walk(disk.resolve("snapshots"))) {
      assertThat(files.filter(Files::isRegularFile)).isEmpty();
    }
    close();
    open();
    assertThat(cache.diskUsage(record -> true)).isEmpty();
  }

  @Test
  void whatSomethingCouldNotBeMadeOfMayGo() throws Exception {
    List<ImmutableRef> parts = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      try (MutableRef ref = cache.newMutable(Optional.empty(), RefOptions.of("part " + i))) {
        write(ref, "part " + i);
        parts.add(ref.commit());
      }
    }
    fill();
    for (int i = 0; i < 200; i++) { // its row and its snapshot's are lost together or one by one
      try {
        cache.merge(parts, RefOptions.of("merged")).close();
      } catch (BuildException e) {
        assertThat(e.category()).isEqualTo(Category.RESOURCE_EXHAUSTED);
      }
    }
    parts.forEach(ImmutableRef::close);
    giveRoom();
    atLast(() -> cache.prune(PruneOptions.everything(), record -> {}));
    assertThat(cache.diskUsage(record -> true)).isEmpty();
  }
}
