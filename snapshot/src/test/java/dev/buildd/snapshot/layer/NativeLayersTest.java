package dev.buildd.snapshot.layer;

import dev.buildd.snapshot.LocalSnapshotter;
import dev.buildd.snapshot.NativeSnapshotter;
import dev.buildd.snapshot.store.MetadataStore;
import java.nio.file.Path;

final class NativeLayersTest extends LayersContract {
  @Override
  LocalSnapshotter open(Path root, MetadataStore store) {
    return NativeSnapshotter.open(root, store);
  }
}
