package dev.buildd.base.content;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.json.Json;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What stands in a manifest or an index (OCI image-spec; Docker's schema 2 reads the same).
 *
 * @param mediaType empty if the document does not tell
 * @param config of a manifest
 * @param layers of a manifest, lowest first
 * @param manifests of an index
 */
public record ImageManifest(
    String mediaType,
    Optional<Descriptor> config,
    List<Descriptor> layers,
    List<Descriptor> manifests) {

  public ImageManifest {
    layers = List.copyOf(layers);
    manifests = List.copyOf(manifests);
  }

  /**
   * Reads a document. It may have any number of layers, as that of a cache has: its size is what
   * readers bound.
   *
   * @param what names it in errors
   * @throws BuildException {@code INVALID_ARGUMENT} if it is not what it must be
   */
  public static ImageManifest parse(byte[] json, String what) {
    Map<String, Object> document = Json.parseObject(json, what);
    List<Map<String, Object>> layers = Json.objects(document, "layers");
    List<Map<String, Object>> manifests = Json.objects(document, "manifests");
    Map<String, Object> config = Json.object(document, "config");
    if (!manifests.isEmpty() && (!layers.isEmpty() || !config.isEmpty())) {
      // what one reader takes for an index and another for a manifest (CVE-2021-41190)
      throw BuildException.invalid(what + ": both an index and a manifest");
    }
    return new ImageManifest(
        Json.text(document, "mediaType"),
        config.isEmpty() ? Optional.empty() : Optional.of(descriptor(config)),
        layers.stream().map(ImageManifest::descriptor).toList(),
        manifests.stream().map(ImageManifest::descriptor).toList());
  }

  public boolean isIndex() {
    return config.isEmpty() && layers.isEmpty();
  }

  /**
   * Reads a descriptor that stands in a document.
   *
   * @throws BuildException {@code INVALID_ARGUMENT} if it is not what it must be
   */
  public static Descriptor descriptor(Map<String, Object> json) {
    long size = Json.number(json, "size");
    if (size < 0) {
      throw BuildException.invalid("descriptor with a negative size");
    }
    Map<String, Object> platform = Json.object(json, "platform");
    return new Descriptor(
        Json.text(json, "mediaType"),
        Digest.parse(Json.text(json, "digest")),
        size,
        platform.isEmpty() ? Optional.empty() : Optional.of(platform(platform)),
        Json.textMap(json, "annotations"),
        Json.texts(json, "urls"));
  }

  private static Platform platform(Map<String, Object> json) {
    return new Platform(
        Json.text(json, "os"),
        Json.text(json, "architecture"),
        Json.text(json, "variant"),
        Json.text(json, "os.version"),
        Json.texts(json, "os.features"));
  }

  /**
   * The member of an index that suits the platform best: of the closest architecture, then with the
   * most of the system's features. One of which no platform is told is taken only if none suits.
   */
  public Optional<Descriptor> choose(Platform wanted) {
    List<Descriptor> images =
        manifests.stream()
            .filter(m -> MediaType.isIndex(m.mediaType()) || MediaType.isManifest(m.mediaType()))
            .toList();
    for (Platform suitable : wanted.compatible()) {
      Optional<Descriptor> best =
          images.stream()
              .filter(m -> m.platform().map(p -> suitable.accepts(p.normalized())).orElse(false))
              .reduce((a, b) -> features(b) > features(a) ? b : a);
      if (best.isPresent()) {
        return best;
      }
    }
    return images.stream().filter(m -> m.platform().isEmpty()).findFirst();
  }

  private static int features(Descriptor image) {
    return image.platform().map(p -> p.osFeatures().size()).orElse(0);
  }

  /** The digest of what each layer and those below it are, from the digests of their archives. */
  public static List<Digest> chainIds(List<Digest> diffIds) {
    List<Digest> out = new ArrayList<>();
    for (Digest diffId : diffIds) {
      out.add(out.isEmpty() ? diffId : Digest.of(out.getLast() + " " + diffId));
    }
    return List.copyOf(out);
  }

  /** The platform that an image config says it is for. */
  public static Platform platform(byte[] config, String what) {
    return platform(Json.parseObject(config, what)).normalized();
  }

  /** The digests of the uncompressed layers, from an image config; none if it tells of none. */
  public static List<Digest> diffIds(byte[] config, String what) {
    Map<String, Object> rootfs = Json.object(Json.parseObject(config, what), "rootfs");
    if (!Json.text(rootfs, "type").equals("layers")) {
      return List.of();
    }
    return Json.texts(rootfs, "diff_ids").stream().map(Digest::parse).toList();
  }
}
