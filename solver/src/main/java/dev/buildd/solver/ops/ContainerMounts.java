package dev.buildd.solver.ops;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.gateway.ContainerRequest;
import dev.buildd.gateway.ContainerRequest.Content;
import dev.buildd.proto.pb.CacheOpt;
import dev.buildd.proto.pb.CacheSharingOpt;
import dev.buildd.proto.pb.Mount;
import dev.buildd.proto.pb.MountType;
import dev.buildd.proto.pb.SSHOpt;
import dev.buildd.proto.pb.SecretOpt;
import dev.buildd.session.SessionGroup;
import dev.buildd.solver.executor.ProcessMount;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The mounts of a frontend's container, as a step would have them that throws its outputs away: all
 * that can be written is a copy of the container's own.
 */
public final class ContainerMounts implements AutoCloseable {
  private final ExecMounts mounts;
  private final List<Optional<ImmutableRef>> inputs;

  private ContainerMounts(ExecMounts mounts, List<Optional<ImmutableRef>> inputs) {
    this.mounts = mounts;
    this.inputs = inputs;
  }

  /** Finds the files that a mount names. */
  @FunctionalInterface
  public interface Files {
    /** The files of an id, which the caller closes; empty for no files. */
    Optional<ImmutableRef> find(String id, String destination) throws Exception;
  }

  /**
   * Mounts what is wanted.
   *
   * @param purpose what users read of it
   */
  public static ContainerMounts open(
      List<ContainerRequest.Mount> wanted,
      String purpose,
      ExecSettings settings,
      SessionGroup sessions,
      Files files)
      throws Exception {
    List<Mount> mounts = new ArrayList<>();
    List<Optional<ImmutableRef>> inputs = new ArrayList<>();
    boolean ready = false;
    try {
      for (ContainerRequest.Mount mount : wanted) {
        String base =
            switch (mount.content()) {
              case Content.Files(String id) -> id;
              case Content.Cache(String id, _, _) -> id;
              case Content.Memory _, Content.Secret _, Content.SshAgent _ -> "";
            };
        Optional<ImmutableRef> found =
            base.isEmpty() ? Optional.empty() : files.find(base, mount.destination());
        mounts.add(message(mount, found.isEmpty() ? -1 : inputs.size()));
        if (found.isPresent()) {
          inputs.add(found);
        }
      }
      ContainerMounts made =
          new ContainerMounts(
              new ExecMounts(
                  new ExecMounts.Wanted(mounts, "/", purpose), settings, sessions, inputs),
              inputs);
      try {
        made.mounts.prepare();
        made.mounts.root(); // fails if there is none
        ready = true;
        return made;
      } finally {
        if (!ready) {
          made.mounts.close();
        }
      }
    } finally {
      if (!ready) {
        release(inputs);
      }
    }
  }

  private static void release(List<Optional<ImmutableRef>> inputs) {
    inputs.forEach(
        input -> input.ifPresent(ref -> Cleanup.run("release input of a container", ref::close)));
  }

  public Path root() {
    return mounts.root();
  }

  /** Shows a file that nobody can write to, and only root read. */
  public void show(byte[] content, String destination) throws Exception {
    mounts.show(content, destination);
  }

  /** All but the root. */
  public List<ProcessMount> mounts() {
    return mounts.mounts();
  }

  /** The files that a mount shows, the whole tree of them; empty if it shows no ref's. */
  public Optional<Path> tree(int mount) {
    return mounts.tree(mount);
  }

  @Override
  public void close() {
    mounts.close();
    release(inputs);
  }

  private static Mount message(ContainerRequest.Mount mount, int input) {
    Mount.Builder out =
        Mount.newBuilder()
            .setDest(mount.destination())
            .setSelector(mount.selector())
            .setReadonly(mount.readOnly() && !mount.destination().equals("/"))
            .setInput(input)
            .setOutput(0); // nothing is committed
    switch (mount.content()) {
      case Content.Files _ -> out.setMountType(MountType.BIND);
      case Content.Cache(_, String id, ContainerRequest.Sharing sharing) ->
          out.setMountType(MountType.CACHE)
              .setCacheOpt(CacheOpt.newBuilder().setID(id).setSharing(message(sharing)));
      case Content.Memory _ -> out.setMountType(MountType.TMPFS);
      case Content.Secret(ContainerRequest.FileOption file) ->
          out.setMountType(MountType.SECRET)
              .setSecretOpt(
                  SecretOpt.newBuilder()
                      .setID(file.id())
                      .setUid(file.uid())
                      .setGid(file.gid())
                      .setMode(file.mode())
                      .setOptional(file.optional()));
      case Content.SshAgent(ContainerRequest.FileOption file) ->
          out.setMountType(MountType.SSH)
              .setSSHOpt(
                  SSHOpt.newBuilder()
                      .setID(file.id())
                      .setUid(file.uid())
                      .setGid(file.gid())
                      .setMode(file.mode())
                      .setOptional(file.optional()));
    }
    return out.build();
  }

  private static CacheSharingOpt message(ContainerRequest.Sharing sharing) {
    return switch (sharing) {
      case SHARED -> CacheSharingOpt.SHARED;
      case PRIVATE -> CacheSharingOpt.PRIVATE;
      case LOCKED -> CacheSharingOpt.LOCKED;
    };
  }
}
