package dev.buildd.solver.source.image;

import dev.buildd.base.content.Digest;
import dev.buildd.base.content.Platform;
import dev.buildd.llb.ResolveMode;
import java.util.Optional;
import java.util.Set;

/**
 * What is told of an image without bringing it.
 *
 * @param name in full
 * @param root the digest of what the name itself names
 * @param config the bytes of the image config, if asked for
 * @param attestations what vouches for it, if asked for and there can be any
 */
public record ImageMetadata(
    String name, Digest root, Optional<byte[]> config, Optional<AttestationChain> attestations) {

  /**
   * What to tell.
   *
   * @param attestations the types of attestations to bring with the chain; empty if the chain is
   *     not wanted
   */
  public record Request(
      Platform platform, ResolveMode mode, boolean config, Optional<Set<String>> attestations) {}
}
