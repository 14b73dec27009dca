package dev.buildd.solver.remote;

import dev.buildd.base.error.BuildException;
import dev.buildd.cache.LayerBlobs;
import dev.buildd.cache.registry.Reference;
import dev.buildd.snapshot.layer.Compression;
import dev.buildd.solver.exporter.Attributes;
import java.util.Map;
import java.util.OptionalInt;

/**
 * What a cache export to a registry is told.
 *
 * @param all whether the results of all steps are exported, not of the last alone
 * @param imageManifest whether the cache looks like an image, not like an index of layers
 * @param ignoreError whether a failure leaves the build successful
 */
public record RegistryCacheOptions(
    Reference reference,
    boolean all,
    boolean imageManifest,
    boolean ociTypes,
    boolean insecure,
    boolean ignoreError,
    LayerBlobs.Wanted layers) {

  /**
   * @throws BuildException {@code INVALID_ARGUMENT}
   */
  public static RegistryCacheOptions parse(Map<String, String> attributes) {
    String ref = attributes.getOrDefault("ref", "");
    if (ref.isEmpty()) {
      throw BuildException.invalid("missing ref");
    }
    boolean oci = bool(attributes, "oci-mediatypes", true);
    boolean manifest = bool(attributes, "image-manifest", oci);
    if (manifest && !oci) {
      throw BuildException.invalid(
          "invalid configuration for remote cache, OCI mediatypes are required for image-manifest"
              + " cache format");
    }
    String level = attributes.get("compression-level");
    return new RegistryCacheOptions(
        Reference.parse(ref),
        isMax(attributes),
        manifest,
        oci,
        bool(attributes, "registry.insecure", false),
        bool(attributes, "ignore-error", false),
        new LayerBlobs.Wanted(
            Compression.parse(attributes.getOrDefault("compression", "gzip")),
            level == null
                ? OptionalInt.empty()
                : OptionalInt.of((int) Attributes.integer("compression-level", level)),
            attributes.containsKey("force-compression")
                && Attributes.bool("force-compression", attributes.get("force-compression"))));
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
