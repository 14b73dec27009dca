package dev.buildd.snapshot.layer;

import dev.buildd.snapshot.LocalSnapshotter;
import dev.buildd.snapshot.OverlaySnapshotter;
import dev.buildd.snapshot.store.MetadataStore;
import java.nio.file.Path;

final class OverlayLayersTest extends LayersContract {
  @Override
  LocalSnapshotter open(Path root, MetadataStore store) {
    return OverlaySnapshotter.open(root, store);
  }
}
