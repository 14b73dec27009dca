package dev.buildd.solver.remote;

import dev.buildd.base.error.BuildException;
import dev.buildd.cache.LayerBlobs;
import dev.buildd.cache.registry.Reference;
import dev.buildd.snapshot.layer.Compression;
import dev.buildd.solver.exporter.Attributes;
import java.util.Map;
import java.util.OptionalInt;

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
    LayerBlobs.Wanted layers) {

  /** Where a cache goes. */
  public sealed interface Target {
    /** What users see of it. */
    String name();

    /**
     * @param insecure whether the registry may be reached in the clear or with any certificate
     */
    record Registry(Reference reference, boolean insecure) implements Target {
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
    boolean oci = bool(attributes, "oci-mediatypes", true);
    boolean manifest = bool(attributes, "image-manifest", oci);
    if (manifest && !oci) {
      throw BuildException.invalid(
          "invalid configuration for remote cache, OCI mediatypes are required for image-manifest"
              + " cache format");
    }
    String level = attributes.get("compression-level");
    return new CacheExportOptions(
        target(type, attributes),
        isMax(attributes),
        manifest,
        oci,
        bool(attributes, "ignore-error", false),
        new LayerBlobs.Wanted(
            Compression.parse(attributes.getOrDefault("compression", "gzip")),
            level == null
                ? OptionalInt.empty()
                : OptionalInt.of((int) Attributes.integer("compression-level", level)),
            attributes.containsKey("force-compression")
                && Attributes.bool("force-compression", attributes.get("force-compression"))));
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
    return new Target.Registry(Reference.parse(ref), bool(attributes, "registry.insecure", false));
  }

  private static boolean bool(Map<String, String> attributes, String name, boolean otherwise) {
    String value = attributes.get(name);
    return value == null ? otherwise : Attributes.strictBool(name, value);
  }

  private static boolean isMax(Map<String, String> attributes) {
    return switch (attributes.getOrDefault("mode", "min")) {
      case "", "min" -> false;
      case "max" -> true;
      default -> throw BuildException.invalid("invalid cache mode: " + attributes.get("mode"));
    };
  }
}
