package dev.buildd.worker.runc;

import dev.buildd.base.linux.Errno;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.LinuxException;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The cgroup directories of containers, in every hierarchy of this machine. */
final class Cgroups {
  private static final Path MOUNTS = Path.of("/sys/fs/cgroup");
  private static final int SIGKILL = 9;
  private static final int TRIES = 100;
  private static final long PAUSE_MILLIS = 10;

  private final List<Path> hierarchies;

  private Cgroups(List<Path> hierarchies) {
    this.hierarchies = hierarchies;
  }

  /** The unified hierarchy, or all of v1's. */
  static Cgroups detect() throws IOException {
    List<Path> out = new ArrayList<>();
    if (Linux.exists(MOUNTS.resolve("cgroup.procs"))) {
      out.add(MOUNTS);
    } else if (Files.isDirectory(MOUNTS)) {
      try (DirectoryStream<Path> entries = Files.newDirectoryStream(MOUNTS)) {
        for (Path entry : entries) {
          if (!Files.isSymbolicLink(entry) && Linux.exists(entry.resolve("cgroup.procs"))) {
            out.add(entry);
          }
        }
      }
    }
    return new Cgroups(List.copyOf(out));
  }

  /** Whether it is a directory's, not a name that only systemd knows where to find. */
  static boolean isPath(String cgroupPath) {
    return cgroupPath.startsWith("/");
  }

  /**
   * Whether a process of the cgroup was killed because there was no memory left, within its limit
   * or on the machine. False where that is not told.
   */
  boolean killedForMemory(String cgroupPath) throws IOException {
    if (!isPath(cgroupPath)) {
      return false;
    }
    for (Path hierarchy : hierarchies) {
      Path directory = hierarchy.resolve(cgroupPath.substring(1));
      // of the unified hierarchy, and of v1
      for (String file : List.of("memory.events", "memory.oom_control")) {
        for (String line : lines(directory.resolve(file))) {
          if (line.startsWith("oom_kill ") && !line.equals("oom_kill 0")) {
            return true;
          }
        }
      }
    }
    return false;
  }

  private static List<String> lines(Path file) throws IOException {
    try {
      return Files.readAllLines(file);
    } catch (NoSuchFileException e) {
      return List.of(); // of another hierarchy
    }
  }

  /** Kills what is in the cgroup and those below it, and removes them; absent ones are fine. */
  void destroy(String cgroupPath) throws IOException, InterruptedException {
    if (!isPath(cgroupPath)) {
      return; // systemd's: the runtime removes it
    }
    for (Path hierarchy : hierarchies) {
      Path directory = hierarchy.resolve(cgroupPath.substring(1));
      if (Linux.exists(directory)) {
        destroy(directory);
      }
    }
  }

  private static void destroy(Path directory) throws IOException, InterruptedException {
    try (DirectoryStream<Path> entries =
        Files.newDirectoryStream(directory, entry -> Linux.lstat(entry).isDirectory())) {
      for (Path entry : entries) {
        destroy(entry);
      }
    }
    for (int i = 0; ; i++) {
      try {
        Linux.rmdir(directory);
        return;
      } catch (LinuxException e) {
        if (e.errno() == Errno.ENOENT) {
          return;
        }
        if (e.errno() != Errno.EBUSY || i == TRIES) {
          throw e;
        }
      }
      for (String line : Files.readAllLines(directory.resolve("cgroup.procs"))) {
        try {
          Linux.kill(Integer.parseInt(line), SIGKILL);
        } catch (LinuxException e) {
          if (e.errno() != Errno.ESRCH) {
            throw e;
          }
        }
      }
      Thread.sleep(PAUSE_MILLIS);
    }
  }
}
