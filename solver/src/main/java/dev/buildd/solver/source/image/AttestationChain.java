package dev.buildd.solver.source.image;

import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import java.util.List;
import java.util.Optional;

/**
 * What vouches for an image: the attestations that its index holds for a platform, and what signs
 * those. Nothing of it has been verified but its digests.
 *
 * @param root the index
 * @param image the manifest of the platform, whose content nobody needs for verifying
 * @param attestation the manifest of the attestations
 * @param signature the manifest of their signature
 * @param blobs the index, the manifests and what else was asked for
 */
public record AttestationChain(
    Digest root,
    Digest image,
    Optional<Digest> attestation,
    Optional<Digest> signature,
    List<Blob> blobs) {
  public AttestationChain {
    blobs = List.copyOf(blobs);
  }

  /** A blob with its bytes. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  public record Blob(Descriptor descriptor, byte[] content) {}
}
