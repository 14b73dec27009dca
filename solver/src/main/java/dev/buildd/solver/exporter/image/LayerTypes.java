package dev.buildd.solver.exporter.image;

import dev.buildd.base.content.MediaType;
import dev.buildd.snapshot.layer.Compression;

/** The media types of layers in OCI's and Docker's spelling. */
public final class LayerTypes {
  private LayerTypes() {}

  /**
   * The type of a layer compressed as the given one.
   *
   * @param foreign whether registries may not distribute it
   */
  public static String of(String mediaType, boolean oci, boolean foreign) {
    Compression compression = Compression.ofLayer(mediaType);
    String suffix = compression == Compression.NONE ? "" : (oci ? "+" : ".") + compression.text();
    if (oci) {
      return (foreign ? MediaType.OCI_FOREIGN_LAYER : MediaType.OCI_LAYER) + suffix;
    }
    return (foreign ? MediaType.DOCKER_FOREIGN_LAYER : MediaType.DOCKER_LAYER) + suffix;
  }
}
