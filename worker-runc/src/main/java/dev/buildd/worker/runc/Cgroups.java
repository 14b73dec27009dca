package dev.buildd.worker.runc;

import dev.buildd.base.linux.Errno;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.LinuxException;
import dev.buildd.base.metrics.ResourceSample;
import dev.buildd.base.metrics.ResourceUsage;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

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

  /** What the processes of the cgroup have taken, by the unified hierarchy or v1's. */
  ResourceUsage usage(String cgroupPath) throws IOException {
    ResourceUsage usage = ResourceUsage.UNKNOWN;
    if (isPath(cgroupPath)) {
      for (Path hierarchy : hierarchies) {
        Path at = hierarchy.resolve(cgroupPath.substring(1));
        usage = with(usage, String.valueOf(hierarchy.getFileName()), at);
      }
    }
    return usage;
  }

  private static ResourceUsage with(ResourceUsage usage, String hierarchy, Path at)
      throws IOException {
    if (hierarchy.equals(String.valueOf(MOUNTS.getFileName()))) { // the unified one
      List<String> disks = lines(at.resolve("io.stat"));
      return new ResourceUsage(
          duration(total(lines(at.resolve("cpu.stat")), "usage_usec "), ChronoUnit.MICROS),
          total(lines(at.resolve("memory.peak")), ""),
          total(disks, " rbytes="),
          total(disks, " wbytes="),
          total(lines(at.resolve("pids.peak")), ""),
          List.of());
    }
    if (List.of(hierarchy.split(",")).contains("cpuacct")) {
      OptionalLong nanos = total(lines(at.resolve("cpuacct.usage")), "");
      return usage.withCpu(duration(nanos, ChronoUnit.NANOS));
    }
    return switch (hierarchy) {
      case "memory" ->
          usage.withPeakMemory(total(lines(at.resolve("memory.max_usage_in_bytes")), ""));
      case "blkio" -> {
        List<String> disks = lines(at.resolve("blkio.throttle.io_service_bytes_recursive"));
        yield usage.withBytes(total(disks, " Read "), total(disks, " Write "));
      }
      default -> usage;
    };
  }

  /** What the processes of the cgroup have now, and have had until now. */
  ResourceSample sample(String cgroupPath) throws IOException {
    ResourceUsage usage = usage(cgroupPath);
    OptionalLong memory = OptionalLong.empty();
    OptionalLong processes = OptionalLong.empty();
    if (isPath(cgroupPath)) {
      for (Path hierarchy : hierarchies) {
        Path at = hierarchy.resolve(cgroupPath.substring(1));
        // of the unified hierarchy, and of v1's two; what is not told by one is by another
        memory = or(memory, at.resolve("memory.current"));
        memory = or(memory, at.resolve("memory.usage_in_bytes"));
        processes = or(processes, at.resolve("pids.current"));
      }
    }
    return new ResourceSample(
        Instant.now(), usage.cpu(), memory, usage.readBytes(), usage.writtenBytes(), processes);
  }

  private static OptionalLong or(OptionalLong known, Path file) throws IOException {
    return known.isPresent() ? known : total(lines(file), "");
  }

  private static Optional<Duration> duration(OptionalLong count, ChronoUnit unit) {
    return count.isPresent() ? Optional.of(Duration.of(count.getAsLong(), unit)) : Optional.empty();
  }

  /** The sum of the numbers that follow a text, one in a line at most; empty if there is none. */
  private static OptionalLong total(List<String> lines, String before) {
    long sum = 0;
    boolean found = false;
    for (String line : lines) {
      int at = line.indexOf(before);
      int from = at + before.length();
      int to = from;
      while (at >= 0 && to < line.length() && Character.isDigit(line.charAt(to))) {
        to++;
      }
      if (to > from) {
        sum += Long.parseLong(line, from, to, 10);
        found = true;
      }
    }
    return found ? OptionalLong.of(sum) : OptionalLong.empty();
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
