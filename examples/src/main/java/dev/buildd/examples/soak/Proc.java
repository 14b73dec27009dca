package dev.buildd.examples.soak;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** What the kernel tells of processes and mounts, under {@code /proc}. */
final class Proc {
  private static final Path PROC = Path.of("/proc");

  private Proc() {}

  private static Path of(long pid) {
    return PROC.resolve(Long.toString(pid));
  }

  /** A figure of a line {@code NAME: NUMBER [kB]}; bytes, if it is in kB. Zero if there is none. */
  private static long figure(Path file, String name) throws IOException {
    for (String line : Files.readAllLines(file)) {
      if (line.startsWith(name + ":")) {
        String[] words = line.substring(name.length() + 1).strip().split("\\s+", 2);
        long number = Long.parseLong(words[0]);
        return words.length > 1 && words[1].equals("kB") ? number * 1024 : number;
      }
    }
    return 0;
  }

  /** Memory in use, in bytes. */
  static long resident(long pid) throws IOException {
    return figure(of(pid).resolve("status"), "VmRSS");
  }

  /** Memory in use, in bytes; what several processes share counts in parts. */
  static long proportional(long pid) throws IOException {
    return figure(of(pid).resolve("smaps_rollup"), "Pss");
  }

  /** All threads that the kernel knows, the virtual machine's own included. */
  static long threads(long pid) throws IOException {
    return figure(of(pid).resolve("status"), "Threads");
  }

  /** Open descriptors, but for the store's tables, which grow in number with it. */
  static long descriptors(long pid) throws IOException {
    try (Stream<Path> open = Files.list(of(pid).resolve("fd"))) {
      return open.filter(descriptor -> !isTable(descriptor)).count();
    }
  }

  private static boolean isTable(Path descriptor) {
    try {
      return Files.readSymbolicLink(descriptor).toString().endsWith(".sst");
    } catch (IOException e) {
      return false; // closed meanwhile
    }
  }

  /**
   * Where something is mounted below the daemon's root, but for the tmpfs of small snapshots, which
   * is there as long as the daemon.
   */
  static List<String> mountsBelow(Path root) throws IOException {
    List<String> out = new ArrayList<>();
    for (String line : Files.readAllLines(PROC.resolve("self/mountinfo"))) {
      String at = line.split(" ", 6)[4];
      if (at.startsWith(root + "/") && !at.equals(root + "/snapshots/m")) {
        out.add(at);
      }
    }
    return out;
  }

  /** Processes below one, as {@code PID PROGRAM}. */
  static List<String> below(long pid) {
    return ProcessHandle.of(pid).stream()
        .flatMap(ProcessHandle::descendants)
        .map(process -> process.pid() + " " + process.info().command().orElse("?"))
        .toList();
  }

  /** Processes whose root filesystem has its files below a directory: those in containers. */
  static List<String> inside(Path directory) throws IOException {
    List<String> out = new ArrayList<>();
    try (DirectoryStream<Path> all = Files.newDirectoryStream(PROC, "[0-9]*")) {
      for (Path process : all) {
        try {
          if (Files.readAllLines(process.resolve("mountinfo")).stream()
              .anyMatch(line -> line.contains(" / / ") && line.contains(directory + "/"))) {
            out.add(
                process.getFileName() + " " + Files.readString(process.resolve("comm")).strip());
          }
        } catch (IOException e) {
          // ended meanwhile, or a kernel thread
        }
      }
    }
    return out;
  }

  /** Cgroups below a parent, in any hierarchy. */
  static List<String> cgroups(String parent) throws IOException {
    List<String> out = new ArrayList<>();
    Path top = Path.of("/sys/fs/cgroup");
    List<Path> hierarchies = new ArrayList<>(List.of(top));
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(top)) {
      entries.forEach(hierarchies::add);
    }
    for (Path hierarchy : hierarchies) {
      Path steps = hierarchy.resolve(parent.substring(1)).resolve("buildkit");
      if (Files.isDirectory(steps)) {
        try (DirectoryStream<Path> below =
            Files.newDirectoryStream(steps, entry -> Files.isDirectory(entry))) {
          below.forEach(entry -> out.add(entry.toString()));
        }
      }
    }
    return out;
  }
}
