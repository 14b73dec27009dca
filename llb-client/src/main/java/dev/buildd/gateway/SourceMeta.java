package dev.buildd.gateway;

import dev.buildd.base.content.Descriptor;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a source is. Of the kinds that nothing is known of beforehand, such as a client's directory,
 * only the identifier and the attributes come back.
 *
 * @param identifier in full, perhaps changed by a policy
 */
public record SourceMeta(
    String identifier,
    Map<String, String> attributes,
    Optional<Image> image,
    Optional<Git> git,
    Optional<Http> http) {
  public SourceMeta {
    attributes = Map.copyOf(attributes);
  }

  /**
   * An image.
   *
   * @param digest of what the name itself names: an index or a manifest
   * @param config JSON; no bytes if it was not asked for
   */
  public record Image(String digest, byte[] config, Optional<AttestationChain> attestations) {}

  /**
   * What vouches for an image. Nothing of it has been verified but its digests.
   *
   * @param attestationManifest empty if there are no attestations
   * @param signatureManifests of the attestations
   * @param blobs what was brought, by digest
   */
  public record AttestationChain(
      String root,
      String imageManifest,
      String attestationManifest,
      List<String> signatureManifests,
      Map<String, Blob> blobs) {
    public AttestationChain {
      signatureManifests = List.copyOf(signatureManifests);
      blobs = Map.copyOf(blobs);
    }
  }

  /** A blob with its bytes. */
  public record Blob(Descriptor descriptor, byte[] data) {}

  /**
   * A git repository.
   *
   * @param checksum what the ref stands for: a commit or an annotated tag
   * @param commitChecksum of the commit, where the ref is a tag of its own
   * @param commitObject no bytes unless asked for
   * @param tagObject no bytes unless asked for and the ref is an annotated tag
   */
  public record Git(
      String checksum, String ref, String commitChecksum, byte[] commitObject, byte[] tagObject) {}

  /**
   * A file behind a URL.
   *
   * @param lastModified whole seconds
   * @param suffixed the checksum with the suffix that was asked for
   */
  public record Http(
      String checksum,
      String filename,
      Optional<Instant> lastModified,
      Optional<Suffixed> suffixed) {}

  /** A checksum of content followed by a suffix. */
  public record Suffixed(String digest, byte[] suffix) {}
}
