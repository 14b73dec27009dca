package dev.buildd.snapshot.layer;

import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.snapshot.Mount;
import java.util.List;

/** Makes files of layers' blobs. Safe for use by many threads. */
public interface Applier {
  /**
   * Applies a layer (OCI image-spec, layer) to the files of those below it, with its deletions.
   * Nobody else may change them meanwhile. An interrupt ends it.
   *
   * @param layer of which the blob is in the content store, compressed or not
   * @param mounts of a writable snapshot
   * @return the digest of the uncompressed archive, its diff id, which is for the caller to compare
   * @throws dev.buildd.base.error.BuildException {@code INVALID_ARGUMENT} if it is malformed
   */
  Digest apply(Descriptor layer, List<Mount> mounts) throws Exception;
}
