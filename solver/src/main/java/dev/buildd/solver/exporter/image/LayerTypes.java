package dev.buildd.solver.exporter.image;

import dev.buildd.base.content.MediaType;
import dev.buildd.snapshot.layer.Compression;

/** The media types of layers in OCI's and Docker's spelling. */
public final class LayerTypes {
  private static final String OCI_FOREIGN =
      "application/vnd.oci.image.layer.nondistributable.v1.tar";
  private static final String DOCKER_FOREIGN =
      "application/vnd.docker.image.rootfs.foreign.diff.tar";

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
      return (foreign ? OCI_FOREIGN : MediaType.OCI_LAYER) + suffix;
    }
    return (foreign ? DOCKER_FOREIGN : MediaType.DOCKER_LAYER) + suffix;
  }

  static boolean isForeign(String mediaType) {
    return mediaType.startsWith(OCI_FOREIGN) || mediaType.startsWith(DOCKER_FOREIGN);
  }
}
