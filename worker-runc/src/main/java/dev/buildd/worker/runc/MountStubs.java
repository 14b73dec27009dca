package dev.buildd.worker.runc;

import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.RootedPath;
import dev.buildd.base.linux.Stat;
import dev.buildd.base.linux.TreeFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The empty files and directories that the runtime makes in a root filesystem to mount something on
 * them. What was not there before and is still empty afterwards is taken out again.
 */
final class MountStubs {
  private static final Logger log = LoggerFactory.getLogger(MountStubs.class);

  private final Path root;
  private final List<Path> missing;

  private MountStubs(Path root, List<Path> missing) {
    this.root = root;
    this.missing = missing;
  }

  /**
   * Notes which mount points are missing, before the process runs.
   *
   * @param recursive whether directories missing above a mount point are noted too
   */
  static MountStubs note(Path root, List<String> destinations, boolean recursive) {
    List<Path> missing = new ArrayList<>();
    for (String destination : destinations) {
      try {
        Path path = RootedPath.resolve(root, destination);
        while (!path.equals(root) && !Linux.exists(path)) {
          missing.add(path);
          if (!recursive) {
            break;
          }
          path = parent(path);
        }
      } catch (IOException e) {
        // the runtime will say what is wrong with the mount point
        log.debug("mount point not noted destination={}", destination, e);
      }
    }
    return new MountStubs(root, missing);
  }

  /** Removes what was made since, deepest first. No path is followed out of the root. */
  void remove() {
    for (Path stub : missing) {
      try {
        removeIfEmpty(stub);
      } catch (IOException e) {
        log.warn("mount stub not removed path={}", stub, e);
      }
    }
  }

  private void removeIfEmpty(Path stub) throws IOException {
    // the process may have put a symlink in the place of a directory above (CVE-2024-23652)
    Path parent = parent(stub);
    if (!RootedPath.resolve(root, RootedPath.inside(root, parent)).equals(parent)) {
      return;
    }
    Stat stat = Linux.tryLstat(stub);
    if (stat == null || stat.isSymlink()) {
      return;
    }
    if (stat.isDirectory()) {
      if (!TreeFiles.list(stub).isEmpty()) {
        return;
      }
    } else if (!stat.isRegular() || stat.size() != 0) {
      return;
    }
    // BuildKit keeps the time that the step gave to the directory, for reproducible layers
    Stat before = Linux.lstat(parent);
    if (stat.isDirectory()) {
      Linux.rmdir(stub);
    } else {
      Linux.unlink(stub);
    }
    Linux.utimensat(parent, Linux.UTIME_OMIT, before.mtimeNanos());
  }

  private static Path parent(Path path) {
    return Objects.requireNonNull(path.getParent(), "a mount point is below the root");
  }
}
