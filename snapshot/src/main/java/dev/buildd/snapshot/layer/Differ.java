package dev.buildd.snapshot.layer;

import java.io.IOException;
import java.io.OutputStream;
import java.util.Optional;

/** Makes layers of snapshots. Safe for use by many threads. */
public interface Differ {
  /**
   * Writes what a committed snapshot adds to another as an uncompressed archive (OCI image-spec,
   * layer): the same bytes for the same files, whatever snapshotter keeps them. Burns processor
   * time; an interrupt ends it.
   *
   * @param below what the snapshot was made on; of what {@link
   *     dev.buildd.snapshot.Snapshotter#diff} made, its lower side
   */
  void archive(String snapshot, Optional<String> below, OutputStream out)
      throws IOException, InterruptedException;
}
