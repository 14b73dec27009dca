package dev.buildd.snapshot.layer;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.snapshot.Mount;
import dev.buildd.snapshot.MountPoint;
import dev.buildd.snapshot.content.ContentStore;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.List;

/** Unpacks layers in this process. */
public final class LocalApplier implements Applier {
  private final ContentStore content;
  private final Path scratch;

  /**
   * @param scratch a directory in which snapshots are mounted meanwhile; emptied at start
   */
  public LocalApplier(ContentStore content, Path scratch) {
    this.content = content;
    this.scratch = scratch;
  }

  @Override
  public Digest apply(Descriptor layer, List<Mount> mounts) throws Exception {
    // waits for those who decompress and hash
    return Threads.nativeCalls()
        .call(() -> {
          try (InputStream in = content.read(layer.digest(), 0);
              MountPoint at = MountPoint.open(mounts, scratch)) {
            return LayerApplier.apply(in, at.path());
          }
        });
  }
}
