package dev.buildd.base.linux;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.function.BooleanSupplier;

/** A directory with all it holds, however deep. */
public final class FileTree {
  private FileTree() {}

  /** Deletes it; one that is not there is no failure. */
  public static void delete(Path root) throws IOException {
    delete(root, () -> false);
  }

  /**
   * As {@link #delete(Path)}, but may end early.
   *
   * @param ended asked before each file
   */
  public static void delete(Path root, BooleanSupplier ended) throws IOException {
    if (!Linux.exists(root) || unlink(root)) {
      return;
    }
    Deque<Path> directories = new ArrayDeque<>(List.of(root));
    while (!directories.isEmpty()) {
      Path directory = directories.peek();
      int before = directories.size();
      for (Path path : TreeFiles.list(directory)) {
        if (ended.getAsBoolean()) {
          return;
        }
        if (!unlink(path)) {
          directories.push(path);
        }
      }
      if (directories.size() == before) {
        Linux.rmdir(directories.pop());
      }
    }
  }

  /** Deletes a file; false if it is a directory. */
  private static boolean unlink(Path path) throws IOException {
    try {
      Linux.unlink(path);
      return true;
    } catch (LinuxException e) {
      if (e.errno() != Errno.EISDIR) {
        throw e;
      }
      return false;
    }
  }
}
