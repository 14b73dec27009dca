package dev.buildd.worker.runc;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The root of the cgroup v2 hierarchy that a container sees. The kernel lets a cgroup either hold
 * processes or hand its controllers down; steps' cgroups, below the root, need the latter. What
 * BuildKit does for {@code BUILDKIT_SETUP_CGROUPV2_ROOT}.
 */
public final class CgroupRoot {
  private static final Logger log = LoggerFactory.getLogger(CgroupRoot.class);
  private static final Path MOUNT = Path.of("/sys/fs/cgroup");
  private static final String PROCESSES = "cgroup.procs";
  // as BuildKit calls it
  private static final String CHILD = "init";
  // processes that start others while they are moved are not run after for ever
  private static final int TRIES = 100;

  private CgroupRoot() {}

  /**
   * Moves all processes of the root cgroup to one below it, {@code init}, and hands all controllers
   * down. Doing so again is harmless.
   *
   * @throws BuildException if the machine has no cgroup v2, FAILED_PRECONDITION
   * @throws IOException if processes cannot be moved; a controller that cannot be handed down is
   *     only logged, for steps run without it
   */
  public static void prepare() throws IOException {
    prepare(MOUNT);
  }

  static void prepare(Path root) throws IOException {
    Path controllers = root.resolve("cgroup.controllers");
    if (!Files.exists(controllers)) {
      throw new BuildException(
          Category.FAILED_PRECONDITION,
          root + " is no cgroup v2 hierarchy: it has no cgroup.controllers");
    }
    Path child = root.resolve(CHILD);
    Files.createDirectories(child);
    moveAll(root.resolve(PROCESSES), child.resolve(PROCESSES));
    for (String controller : Files.readString(controllers).strip().split(" ")) {
      if (!controller.isEmpty()) {
        try {
          write(root.resolve("cgroup.subtree_control"), "+" + controller);
        } catch (IOException e) {
          log.warn(
              "steps run without a cgroup controller controller={} cause=\"{}\"",
              controller,
              e.getMessage());
        }
      }
    }
  }

  /** One that ends meanwhile cannot be moved, and is no longer told of when asked again. */
  private static void moveAll(Path from, Path to) throws IOException {
    for (int i = 0; ; i++) {
      List<String> processes = Files.readAllLines(from);
      if (processes.isEmpty()) {
        return;
      }
      for (String process : processes) {
        try {
          write(to, process);
        } catch (IOException e) {
          if (i == TRIES) {
            throw new IOException(
                "process " + process + " cannot be moved from " + from + ": " + e.getMessage(), e);
          }
        }
      }
      if (i > TRIES) {
        throw new IOException("processes come to " + from + " faster than they are moved away");
      }
    }
  }

  /** Each write is one request to the kernel. */
  private static void write(Path file, String text) throws IOException {
    Files.writeString(file, text, StandardOpenOption.WRITE);
  }
}
