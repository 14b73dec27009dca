package dev.buildd.snapshot;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** A snapshotter of which this process can read the layers as files. */
public interface LocalSnapshotter extends Snapshotter {
  /**
   * Where to read what a committed snapshot adds to another. Pinned meanwhile.
   *
   * @param below what the snapshot was made on; of a {@link #diff}, its lower side
   */
  LayerView layer(String id, Optional<String> below);

  /**
   * A layer's files.
   *
   * @param directory what the layer holds; {@code whole} if it shows what is below as well, else in
   *     overlayfs's form
   * @param below the directories of what it lies on, topmost first
   */
  record LayerView(Path directory, boolean whole, List<Path> below) {}
}
