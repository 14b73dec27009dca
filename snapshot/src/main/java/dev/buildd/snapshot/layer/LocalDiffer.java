package dev.buildd.snapshot.layer;

import dev.buildd.snapshot.LocalSnapshotter;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Optional;

/** Reads layers where a snapshotter of this daemon has them. */
public final class LocalDiffer implements Differ {
  private final LocalSnapshotter snapshots;

  public LocalDiffer(LocalSnapshotter snapshots) {
    this.snapshots = snapshots;
  }

  @Override
  public void archive(String snapshot, Optional<String> below, OutputStream out)
      throws IOException, InterruptedException {
    snapshots.pin(snapshot);
    try {
      LayerWriter.write(snapshots.layer(snapshot, below), out);
    } finally {
      snapshots.unpin(snapshot);
    }
  }
}
