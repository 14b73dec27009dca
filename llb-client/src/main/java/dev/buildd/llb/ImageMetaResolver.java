package dev.buildd.llb;

import dev.buildd.base.content.Platform;
import java.util.Optional;

/** Finds out an image's configuration: its environment and working directory. */
@FunctionalInterface
public interface ImageMetaResolver {
  /**
   * An image's configuration.
   *
   * @param reference the name, perhaps changed by a policy
   * @param digest empty if not known
   * @param config JSON
   */
  record Resolved(String reference, String digest, byte[] config) {}

  Resolved resolve(String reference, Optional<Platform> platform, ResolveMode mode);
}
