package dev.buildd.solver.remote;

import dev.buildd.base.error.BuildException;
import dev.buildd.cache.LayerBlobs;
import dev.buildd.registry.ImageReference;
import dev.buildd.solver.exporter.Attributes;
import java.util.Map;

/**
 * What a cache export is told.
 *
 * @param target where it goes
 * @param all whether the results of all steps are exported, not of the last alone
 * @param imageManifest whether the cache looks like an image, not like an index of layers
 * @param ignoreError whether a failure leaves the build successful
 */
public record CacheExportOptions(
    Target target,
    boolean all,
    boolean imageManifest,
    boolean ociTypes,
    boolean ignoreError,
    LayerBlobs.CompressionConfig layers) {

  /** Where a cache goes. */
  public sealed interface Target {
    /** What users see of it. */
    String name();

    /**
     * @param insecure whether the registry may be reached in the clear or with any certificate
     */
    record Registry(ImageReference reference, boolean insecure) implements Target {
      @Override
      public String name() {
        return "exporting cache to registry";
      }
    }

    /**
     * @param store the id under which the client offers the directory
     */
    record Client(String store) implements Target {
      @Override
      public String name() {
        return "exporting cache to client directory";
      }
    }
  }

  /**
   * @param type {@code registry} or {@code local}
   * @throws BuildException {@code INVALID_ARGUMENT}
   */
  public static CacheExportOptions parse(String type, Map<String, String> attributes) {
    boolean oci = Attributes.strictBool(attributes, "oci-mediatypes", true);
    boolean manifest = Attributes.strictBool(attributes, "image-manifest", oci);
    if (manifest && !oci) {
      throw BuildException.invalid(
          "invalid configuration for remote cache, OCI mediatypes are required for image-manifest"
              + " cache format");
    }
    return new CacheExportOptions(
        target(type, attributes),
        isMax(attributes),
        manifest,
        oci,
        Attributes.strictBool(attributes, "ignore-error", false),
        Attributes.compression(attributes));
  }

  private static Target target(String type, Map<String, String> attributes) {
    if (type.equals("local")) {
      String directory = attributes.getOrDefault("dest", "");
      if (directory.isEmpty()) {
        throw BuildException.invalid("local cache exporter requires dest");
      }
      return new Target.Client("local:" + directory);
    }
    String ref = attributes.getOrDefault("ref", "");
    if (ref.isEmpty()) {
      throw BuildException.invalid("missing ref");
    }
    return new Target.Registry(
        ImageReference.parse(ref), Attributes.strictBool(attributes, "registry.insecure", false));
  }

  private static boolean isMax(Map<String, String> attributes) {
    return switch (attributes.getOrDefault("mode", "min")) {
      case "", "min" -> false;
      case "max" -> true;
      default -> throw BuildException.invalid("invalid cache mode: " + attributes.get("mode"));
    };
  }
}
