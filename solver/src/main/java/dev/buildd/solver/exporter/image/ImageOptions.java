package dev.buildd.solver.exporter.image;

import dev.buildd.base.error.BuildException;
import dev.buildd.cache.LayerBlobs;
import dev.buildd.snapshot.layer.Compression;
import dev.buildd.solver.compatibility.CompatibilityException;
import dev.buildd.solver.compatibility.CompatibilityVersion;
import dev.buildd.solver.exporter.Attributes;
import dev.buildd.solver.exporter.ExportSource;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What all exports of images may be told.
 *
 * @param name names with commas between them; {@code *} for the one the frontend gives
 * @param ociTypesTold whether the request told of the media types
 * @param ociArtifact whether attestations are artifacts of their own kind
 * @param rewriteTimestamp whether files' times are set back to the epoch
 * @param epochSeconds the latest time that anything bears
 * @param epochGiven whether the request told of that time, be it that there is none
 * @param preferForeign whether layers keep saying that they may not be distributed
 */
record ImageOptions(
    String name,
    boolean ociTypes,
    boolean ociTypesTold,
    boolean ociArtifact,
    LayerBlobs.CompressionConfig layers,
    boolean rewriteTimestamp,
    Optional<Long> epochSeconds,
    boolean epochGiven,
    boolean preferForeign,
    Annotations annotations) {

  ImageOptions {
    if (ociArtifact && !ociTypes) {
      throw BuildException.invalid(
          "exporter option \"oci-artifact=true\" conflicts with \"oci-mediatypes=false\"");
    }
    if (layers.compression() == Compression.ESTARGZ && !ociTypes) {
      throw BuildException.invalid(
          "exporter option \"compression=estargz\" conflicts with \"oci-mediatypes=false\"");
    }
  }

  /** The options, and the attributes that mean something else. */
  record Parsed(ImageOptions options, Map<String, String> rest) {
    /** What is left, as if the frontend had said it. */
    Map<String, byte[]> metadata() {
      Map<String, byte[]> out = new LinkedHashMap<>();
      rest.forEach((key, value) -> out.put(key, value.getBytes(StandardCharsets.UTF_8)));
      return out;
    }
  }

  static Parsed parse(Map<String, String> attributes) {
    String name = "";
    boolean ociTypes = true;
    boolean rewrite = false;
    boolean foreign = false;
    boolean artifact = false;
    Annotations annotations = Annotations.NONE;
    Map<String, String> rest = new LinkedHashMap<>();
    for (Map.Entry<String, String> attribute : attributes.entrySet()) {
      String key = attribute.getKey();
      String value = attribute.getValue();
      switch (key) {
        case "name" -> name = value;
        case "oci-mediatypes" -> ociTypes = Attributes.strictBool(key, value);
        case "oci-artifact" -> artifact = Attributes.strictBool(key, value);
        case "attestation-inline" -> Attributes.strictBool(key, value);
        case "prefer-nondist-layers" -> foreign = Attributes.strictBool(key, value);
        case "rewrite-timestamp" -> rewrite = Attributes.strictBool(key, value);
        case "source-date-epoch" -> {} // read below
        default -> {
          if (Annotations.isAnnotation(key)) {
            annotations = annotations.with(key, value);
          } else if (!Attributes.isCompression(key)) {
            rest.put(key, value);
          }
        }
      }
    }
    return new Parsed(
        new ImageOptions(
            name,
            ociTypes,
            attributes.containsKey("oci-mediatypes"),
            artifact,
            Attributes.compression(attributes),
            rewrite,
            Attributes.epoch(attributes),
            attributes.containsKey("source-date-epoch"),
            foreign,
            annotations),
        rest);
  }

  /**
   * As they are for one image: with what the frontend wants annotated, after which comes the
   * request's own word, and with the media types of the version.
   *
   * @param exporter its type
   * @throws BuildException {@code INVALID_ARGUMENT} if the version has no such images
   */
  ImageOptions settled(ExportSource source, CompatibilityVersion version, String exporter) {
    if (version == CompatibilityVersion.V0_13 && layers.compression() == Compression.ZSTD) {
      throw new CompatibilityException(
          version, exporter + " exporter compression=" + layers.compression().text());
    }
    boolean ociByDefault =
        exporter.equals("oci") || version.compareTo(CompatibilityVersion.V0_31) >= 0;
    return new ImageOptions(
        name,
        ociTypesTold ? ociTypes : ociByDefault,
        ociTypesTold,
        ociArtifact,
        layers,
        rewriteTimestamp,
        epochSeconds,
        epochGiven,
        preferForeign,
        annotations.merged(annotations(source.metadata())));
  }

  private static Annotations annotations(Map<String, byte[]> metadata) {
    Annotations out = Annotations.NONE;
    for (Map.Entry<String, byte[]> entry : metadata.entrySet()) {
      if (Annotations.isAnnotation(entry.getKey())) {
        out = out.with(entry.getKey(), new String(entry.getValue(), StandardCharsets.UTF_8));
      }
    }
    return out;
  }
}
