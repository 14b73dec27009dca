package dev.buildd.snapshot;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.snapshot.store.MetadataStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class OverlaySnapshotterTest extends SnapshotterContract {
  @Override
  Snapshotter open(Path root, MetadataStore store) {
    return OverlaySnapshotter.open(root, store);
  }

  @Test
  void overlayIsSupportedHere() {
    assertThat(OverlaySnapshotter.probe(temp.resolve("probe"))).isEmpty();
  }

  @Test
  void merelyMergingTakesNoSpace() throws IOException {
    String a = layer(Optional.empty(), write("a", "a"));
    String b = layer(Optional.empty(), write("b", "b"));
    assertThat(snapshots.usage(merge(a, b))).isEqualTo(Usage.NONE);
  }

  @Test
  void thousandTrivialSnapshotsTakeLessThanASecond() {
    for (int round = 0; round < 3; round++) {
      long start = System.nanoTime();
      long before = store.bytesWritten();
      for (int i = 0; i < 1_000; i++) {
        commit(snapshots.prepare(Optional.empty()));
      }
      long millis = (System.nanoTime() - start) / 1_000_000;
      System.out.println(
          "1000 trivial snapshots: " + millis + " ms, " + (store.bytesWritten() - before) + " B");
      if (round == 2) {
        assertThat(millis).isLessThan(1_000);
      }
    }
  }

  @Test
  void smallSnapshotsTakeNoDirectoryUntilOneIsNeeded() throws IOException {
    Path directory = temp.resolve("snapshots/l");
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < 1_100; i++) { // more than stay in memory
      ids.add(small(write("f", "content " + i)));
    }
    for (int i = 0; i < ids.size(); i++) {
      assertThat(pinnedTree(ids.get(i))).isEqualTo(expected("f", "content " + i));
    }
    assertThat(LayerFiles.list(directory)).isEmpty();
    assertThat(snapshots.usage(ids.getFirst()).bytes()).isBetween(1L, 100L);
    layer(Optional.of(ids.getFirst()), write("g", "on top"));
    assertThat(LayerFiles.list(directory)).contains(directory.resolve(ids.getFirst())).hasSize(2);
  }

  @Test
  void tmpfsOfADeadProcessIsUnmounted() throws IOException {
    small(write("f", "x"));
    Snapshotter dead = snapshots; // not closed
    store.close();
    start();
    assertThat(Files.readString(Path.of("/proc/self/mountinfo")))
        .doesNotContain(temp.toRealPath().toString());
    dead.close();
  }
}
