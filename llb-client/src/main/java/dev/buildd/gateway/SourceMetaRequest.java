package dev.buildd.gateway;

import dev.buildd.base.content.Digest;
import dev.buildd.base.content.Platform;
import dev.buildd.llb.ResolveMode;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Asks what a source is, before anything is built of it.
 *
 * @param identifier as in a source operation, with its scheme
 * @param attributes as in a source operation
 * @param platform the daemon's own if empty
 * @param logName what users see; empty for a text of the daemon's
 * @param gitObject whether the objects of a git source are to be told too
 * @param checksum another checksum of an HTTP source that is to be told
 */
public record SourceMetaRequest(
    String identifier,
    Map<String, String> attributes,
    Optional<Platform> platform,
    String logName,
    ResolveMode mode,
    Image image,
    boolean gitObject,
    Optional<Checksum> checksum) {
  public SourceMetaRequest {
    attributes = Map.copyOf(attributes);
  }

  /**
   * What to tell of an image.
   *
   * @param config whether its configuration
   * @param attestationChain whether what vouches for it
   * @param attestations types of attestations to bring, and the chain with them
   */
  public record Image(boolean config, boolean attestationChain, List<String> attestations) {
    public static final Image CONFIG = new Image(true, false, List.of());

    public Image {
      attestations = List.copyOf(attestations);
    }
  }

  /**
   * A checksum of the content followed by a suffix.
   *
   * @param suffix at most 4096 bytes
   */
  public record Checksum(Digest.Algorithm algorithm, byte[] suffix) {}

  /** Asks for what every kind of source tells. */
  public static SourceMetaRequest of(String identifier, Map<String, String> attributes) {
    return new SourceMetaRequest(
        identifier,
        attributes,
        Optional.empty(),
        "",
        ResolveMode.DEFAULT,
        Image.CONFIG,
        false,
        Optional.empty());
  }

  public SourceMetaRequest withPlatform(Platform other) {
    return new SourceMetaRequest(
        identifier, attributes, Optional.of(other), logName, mode, image, gitObject, checksum);
  }

  public SourceMetaRequest withImage(Image other) {
    return new SourceMetaRequest(
        identifier, attributes, platform, logName, mode, other, gitObject, checksum);
  }
}
