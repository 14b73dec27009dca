package dev.buildd.worker.runc;

import dev.buildd.snapshot.MountPoint;
import dev.buildd.snapshot.OverlaySnapshotter;
import dev.buildd.snapshot.store.MetadataStore;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;

/** Runc on mounted overlays. */
final class RuncOverlayExecutorTest extends RuncExecutorTest {
  private final Deque<AutoCloseable> open = new ArrayDeque<>(); // those opened last first

  private <T extends AutoCloseable> T opened(T part) {
    open.push(part);
    return part;
  }

  @Override
  Path newRoot() {
    MetadataStore store = opened(MetadataStore.open(dir.resolve("metadata")));
    OverlaySnapshotter snapshots = opened(OverlaySnapshotter.open(dir.resolve("snapshots"), store));
    String base = snapshots.prepare(Optional.empty());
    snapshots.commit(base).await();
    String root = snapshots.prepare(Optional.of(base));
    return opened(MountPoint.open(snapshots.mounts(root), dir)).path();
  }

  @Override
  void closeRoot() throws Exception {
    while (!open.isEmpty()) {
      open.pop().close();
    }
  }
}
