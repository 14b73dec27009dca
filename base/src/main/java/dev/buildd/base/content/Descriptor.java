package dev.buildd.base.content;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a blob is and where it belongs (OCI image-spec, descriptor).
 *
 * @param size bytes
 */
public record Descriptor(
    String mediaType,
    Digest digest,
    long size,
    Optional<Platform> platform,
    Map<String, String> annotations,
    List<String> urls) {

  public Descriptor {
    annotations = Map.copyOf(annotations);
    urls = List.copyOf(urls);
  }

  public static Descriptor of(String mediaType, Digest digest, long size) {
    return new Descriptor(mediaType, digest, size, Optional.empty(), Map.of(), List.of());
  }
}
