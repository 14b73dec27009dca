package dev.buildd.cache;

import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.snapshot.layer.Compression;
import dev.buildd.snapshot.layer.Estargz;
import dev.buildd.snapshot.store.Decoder;
import dev.buildd.snapshot.store.Encoder;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A layer as an archive in the content store.
 *
 * @param descriptor with an OCI or a Docker media type; annotated with where it came from
 * @param diffId of the archive, uncompressed
 */
public record LayerBlob(Descriptor descriptor, Digest diffId) {
  /**
   * Begins the annotation that names a repository with this layer; the registry's host ends it. It
   * is for those who push: no manifest shows it.
   */
  public static final String SOURCE = "containerd.io/distribution.source.";

  /** Under which a ref's blob is noted with it. */
  static final String VALUE = "blob";

  public Compression compression() {
    Compression declared = Compression.ofLayer(descriptor.mediaType());
    return declared == Compression.GZIP && descriptor.annotations().containsKey(Estargz.TOC_DIGEST)
        ? Compression.ESTARGZ
        : declared;
  }

  /** The annotations that are for others to see. */
  public Map<String, String> shownAnnotations() {
    Map<String, String> out = new LinkedHashMap<>(descriptor.annotations());
    out.keySet().removeIf(key -> key.startsWith(SOURCE));
    return out;
  }

  /** A repository of that registry that had the layer when last seen. */
  public Optional<String> repository(String host) {
    return Optional.ofNullable(descriptor.annotations().get(SOURCE + host));
  }

  /** The same, known to be in a repository; of several in one registry the first is kept. */
  public LayerBlob in(String host, String repository) {
    Map<String, String> annotations = new LinkedHashMap<>(descriptor.annotations());
    annotations.putIfAbsent(SOURCE + host, repository);
    Descriptor noted =
        new Descriptor(
            descriptor.mediaType(),
            descriptor.digest(),
            descriptor.size(),
            descriptor.platform(),
            annotations,
            descriptor.urls());
    return new LayerBlob(noted, diffId);
  }

  /** The same with the repositories of registries that the other knows and this one does not. */
  LayerBlob withSourcesOf(LayerBlob other) {
    LayerBlob out = this;
    if (other.descriptor.digest().equals(descriptor.digest())) {
      for (Map.Entry<String, String> one : other.repositories().entrySet()) {
        out = out.in(one.getKey(), one.getValue());
      }
    }
    return out;
  }

  /** Repositories that had the layer when last seen, by their registries' hosts. */
  public Map<String, String> repositories() {
    Map<String, String> out = new LinkedHashMap<>();
    descriptor
        .annotations()
        .forEach((key, value) -> {
          if (key.startsWith(SOURCE)) {
            out.put(key.substring(SOURCE.length()), value);
          }
        });
    return out;
  }

  byte[] toBytes() {
    Encoder out =
        new Encoder()
            .text(descriptor.mediaType())
            .text(descriptor.digest().toString())
            .number(descriptor.size())
            .text(diffId.toString())
            .texts(descriptor.urls())
            .number(descriptor.annotations().size());
    descriptor.annotations().forEach((key, value) -> out.text(key).text(value));
    return out.toBytes();
  }

  static LayerBlob of(byte[] bytes) {
    Decoder in = new Decoder(bytes);
    String mediaType = in.text();
    Digest digest = Digest.parse(in.text());
    long size = in.number();
    Digest diffId = Digest.parse(in.text());
    List<String> urls = in.texts();
    Map<String, String> annotations = new LinkedHashMap<>();
    for (long left = in.number(); left > 0; left--) {
      annotations.put(in.text(), in.text());
    }
    return new LayerBlob(
        new Descriptor(mediaType, digest, size, Optional.empty(), annotations, urls), diffId);
  }
}
