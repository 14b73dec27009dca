package dev.buildd.solver.executor;

import java.nio.file.Path;

/** Something that a process sees besides its root filesystem. */
public sealed interface ProcessMount {
  /** Where it is seen: an absolute, clean path in the root filesystem. */
  String destination();

  /** A file or a directory of the host, with all that is mounted below it. */
  record Bind(Path source, String destination, boolean readOnly) implements ProcessMount {}

  /**
   * Memory, empty at first.
   *
   * @param sizeBytes the most it may hold; zero means the kernel's default
   */
  record Tmpfs(String destination, long sizeBytes) implements ProcessMount {}

  /**
   * A file of the host for this process alone, which cannot write it: it gives nobody rights and is
   * no device.
   *
   * @param executable whether the process may run it
   */
  record Secret(Path source, String destination, boolean executable) implements ProcessMount {}
}
