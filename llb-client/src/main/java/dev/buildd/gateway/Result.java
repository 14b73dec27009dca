package dev.buildd.gateway;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a frontend has made: one filesystem, or several by name (such as their platform), and what
 * is said of them. Without filesystems it is the empty one.
 *
 * @param byName empty for the empty filesystem
 * @param metadata as exporters and clients know it (wire.md section 6)
 * @param attestations by the names of the filesystems that they concern
 */
public record Result(
    Optional<Reference> single,
    Map<String, Optional<Reference>> byName,
    Map<String, byte[]> metadata,
    Map<String, List<Attestation>> attestations) {
  public Result {
    byName = Map.copyOf(byName);
    metadata = Map.copyOf(metadata);
    attestations = Map.copyOf(attestations);
  }

  public static Result empty() {
    return new Result(Optional.empty(), Map.of(), Map.of(), Map.of());
  }

  public static Result of(Reference reference) {
    return new Result(Optional.of(reference), Map.of(), Map.of(), Map.of());
  }

  /** Several filesystems. */
  public static Result of(Map<String, Optional<Reference>> byName) {
    return new Result(Optional.empty(), byName, Map.of(), Map.of());
  }

  public Result withMetadata(String key, byte[] value) {
    Map<String, byte[]> more = new LinkedHashMap<>(metadata);
    more.put(key, value);
    return new Result(single, byName, more, attestations);
  }
}
