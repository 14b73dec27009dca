package dev.buildd.base.linux;

import dev.buildd.base.text.Ids;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.function.BooleanSupplier;

/** A directory with all it holds, however deep: deeper than the kernel takes a path. */
public final class FileTree {
  private static final int MAX_PATH = 1_000; // of 4,096 that the kernel takes, below the root

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
          directories.push(within(root, path));
        }
      }
      if (directories.size() == before) {
        Linux.rmdir(directories.pop());
      }
    }
  }

  /** A directory that lies deep is moved to the top. */
  private static Path within(Path root, Path directory) throws IOException {
    if (directory.toString().length() - root.toString().length() <= MAX_PATH) {
      return directory;
    }
    Path top = root.resolve(".deep-" + Ids.random());
    Linux.rename(directory, top, Linux.RENAME_NOREPLACE);
    return top;
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
