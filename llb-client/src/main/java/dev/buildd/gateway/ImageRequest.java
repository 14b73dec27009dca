package dev.buildd.gateway;

import dev.buildd.base.content.Platform;
import dev.buildd.llb.ResolveMode;
import java.util.Optional;

/**
 * Asks for an image's configuration.
 *
 * @param platform the daemon's own if empty
 * @param logName what users see; empty for a text of the daemon's
 * @param layout where the image is, if not in a registry
 */
public record ImageRequest(
    String reference,
    Optional<Platform> platform,
    ResolveMode mode,
    String logName,
    Optional<Layout> layout) {
  /**
   * An OCI layout that a client offers.
   *
   * @param session the client's; empty for the one that asked for the build
   */
  public record Layout(String session, String store) {}
}
