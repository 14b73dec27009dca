package dev.buildd.gateway;

import com.google.protobuf.ByteString;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What a frontend has made: one filesystem, or several by name (such as their platform), and what
 * is said of them. Without filesystems it is the empty one.
 */
public record Result(
    Optional<Reference> single,
    Map<String, Reference> byName,
    Map<String, ByteString> metadata,
    Map<String, dev.buildd.proto.gateway.Attestations> attestations) {
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

  public Result withMetadata(String key, ByteString value) {
    Map<String, ByteString> more = new LinkedHashMap<>(metadata);
    more.put(key, value);
    return new Result(single, byName, more, attestations);
  }
}
