package dev.buildd.frontend.dockerfile.context;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.Reference;
import dev.buildd.llb.Definition;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Reading files of what a definition makes. */
final class Sources {
  private Sources() {}

  static Reference solve(GatewayClient client, Definition definition, boolean evaluate)
      throws InterruptedException {
    return client
        .solve(
            new GatewayClient.Request(
                Optional.of(definition), "", Map.of(), Map.of(), List.of(), evaluate))
        .single()
        .orElseThrow(() -> BuildException.unknown("the build has no result to read from", null));
  }

  /** The file; empty if it cannot be read, whatever the reason. */
  static Optional<byte[]> read(Reference files, String path) throws InterruptedException {
    try {
      return Optional.of(files.readFile(path));
    } catch (BuildException e) {
      if (e.category() == Category.CANCELED) {
        throw e;
      }
      return Optional.empty();
    }
  }

  /**
   * The file of patterns in a client's directory.
   *
   * @param hint names the directory among those of the client
   * @param who begins the name that users see
   */
  static State ignoreFile(String local, String session, String hint, String who) {
    return Llb.local(
        local,
        Llb.sessionId(session),
        Llb.followPaths(List.of(IgnoreFile.NAME)),
        Llb.sharedKeyHint(hint + "-" + IgnoreFile.NAME),
        Llb.customName(who + " load " + IgnoreFile.NAME),
        Llb.differ("none", false));
  }
}
