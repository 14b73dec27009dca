package dev.buildd.solver.source.image;

import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import java.util.List;

/**
 * What an image's name stands for.
 *
 * @param name in full
 * @param root what the name itself names: an index or a manifest
 * @param config the bytes of the image config
 * @param layers lowest first
 * @param diffIds of the layers
 * @param blobs manifests and config, without which the image cannot be told about again
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record ResolvedImage(
    String name,
    Descriptor root,
    byte[] config,
    List<Descriptor> layers,
    List<Digest> diffIds,
    List<Digest> blobs) {
  public ResolvedImage {
    layers = List.copyOf(layers);
    diffIds = List.copyOf(diffIds);
    blobs = List.copyOf(blobs);
  }
}
