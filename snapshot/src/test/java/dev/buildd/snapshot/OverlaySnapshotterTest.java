package dev.buildd.snapshot;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.snapshot.store.MetadataStore;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class OverlaySnapshotterTest extends SnapshotterContract {
  @Override
  Snapshotter open(Path root, MetadataStore store) {
    return OverlaySnapshotter.open(root, store);
  }

  @Test
  void overlayIsSupportedHere() {
    assertThat(OverlaySnapshotter.isSupported(temp.resolve("probe"))).isTrue();
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
}
