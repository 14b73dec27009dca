package dev.buildd.gateway;

import dev.buildd.base.content.Platform;
import java.util.List;
import java.util.Optional;

/**
 * A container that a frontend wants (wire.md section 6.1).
 *
 * @param mounts one of them at {@code /}
 * @param platform the daemon's own if empty
 * @param hostname empty for the default
 */
public record ContainerRequest(
    List<Mount> mounts,
    Network network,
    Optional<Platform> platform,
    List<ExtraHost> extraHosts,
    String hostname) {
  public ContainerRequest {
    mounts = List.copyOf(mounts);
    extraHosts = List.copyOf(extraHosts);
  }

  /** With the default network. */
  public static ContainerRequest of(Mount... mounts) {
    return new ContainerRequest(List.of(mounts), Network.SANDBOX, Optional.empty(), List.of(), "");
  }

  public ContainerRequest withNetwork(Network other) {
    return new ContainerRequest(mounts, other, platform, extraHosts, hostname);
  }

  /** What of the network processes see. */
  public enum Network {
    /** What steps see that ask for nothing else. */
    SANDBOX,
    /** Needs the entitlement {@code network.host}. */
    HOST,
    NONE
  }

  /** A line of /etc/hosts. */
  public record ExtraHost(String name, String address) {}

  /**
   * Something that the processes see.
   *
   * @param selector the part of the content's files that is shown; empty for all
   * @param readOnly not of the root, which can always be written
   */
  public record Mount(String destination, Content content, String selector, boolean readOnly) {
    /** The files of a reference, of which the container has a copy of its own to write to. */
    public static Mount of(String destination, Reference files) {
      return new Mount(destination, new Content.Files(files.id()), "", false);
    }
  }

  /** What is mounted. */
  public sealed interface Content {
    /**
     * Files that were built.
     *
     * @param id of a {@link Reference}, or of what a failed step has left ({@link
     *     SolveException.FailedStep}); empty for an empty directory
     */
    record Files(String id) implements Content {}

    /**
     * A directory that is kept.
     *
     * @param base the id of the files with which it begins; empty for none
     */
    record Cache(String base, String id, Sharing sharing) implements Content {}

    /** Memory. */
    record Memory() implements Content {}

    /** A secret of the client's. */
    record Secret(FileOption file) implements Content {}

    /** A socket that leads to the client's agent. */
    record SshAgent(FileOption file) implements Content {}
  }

  /** What may use a kept directory at the same time. */
  public enum Sharing {
    SHARED,
    PRIVATE,
    LOCKED
  }

  /** A file that stands for something of the client's, and what it is for the container. */
  public record FileOption(String id, int uid, int gid, int mode, boolean optional) {}
}
