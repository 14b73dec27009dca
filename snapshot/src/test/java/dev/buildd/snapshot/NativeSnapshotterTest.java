package dev.buildd.snapshot;

import dev.buildd.snapshot.store.MetadataStore;
import java.nio.file.Path;

class NativeSnapshotterTest extends SnapshotterContract {
  @Override
  Snapshotter open(Path root, MetadataStore store) {
    return NativeSnapshotter.open(root, store);
  }
}
