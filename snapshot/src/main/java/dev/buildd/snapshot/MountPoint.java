package dev.buildd.snapshot;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.linux.FileFailures;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.text.Ids;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Where mounts show their files. For one thread at a time. */
public final class MountPoint implements AutoCloseable {
  private final Path path;
  private final boolean mounted;

  private MountPoint(Path path, boolean mounted) {
    this.path = path;
    this.mounted = mounted;
  }

  /**
   * Shows the mounts' files: where they are, if a plain directory has them, else at a mount point.
   *
   * @param scratch a directory of the daemon's own, in which mount points are made
   */
  public static MountPoint open(List<Mount> mounts, Path scratch) {
    Optional<Path> directory =
        mounts.size() == 1 ? mounts.getFirst().directory() : Optional.empty();
    if (directory.isPresent()) {
      return new MountPoint(directory.get(), false);
    }
    Path point = scratch.resolve(Ids.random());
    return FileFailures.wrap(
        "mount at " + point,
        () ->
            Threads.nativeCalls()
                .callUninterruptibly(() -> {
                  mountAt(mounts, point);
                  return new MountPoint(point, true);
                }));
  }

  private static void mountAt(List<Mount> mounts, Path point) throws Exception {
    Linux.mkdir(point, 0700);
    try {
      for (Mount mount : mounts) {
        mount.at(point);
      }
    } catch (Exception e) {
      Cleanup.run(
          "unmount " + point,
          () -> {
            Mount.detachAllBelow(point);
            Linux.rmdir(point);
          });
      throw e;
    }
  }

  public Path path() {
    return path;
  }

  /** Whether the files are mounted here, and not just there. */
  public boolean isMounted() {
    return mounted;
  }

  @Override
  public void close() {
    if (mounted) {
      Cleanup.run(
          "unmount " + path,
          () ->
              Threads.nativeCalls()
                  .callUninterruptibly(() -> {
                    Linux.umount(path, Linux.MNT_DETACH | Linux.UMOUNT_NOFOLLOW);
                    Linux.rmdir(path);
                    return true;
                  }));
    }
  }
}
