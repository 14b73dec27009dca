package dev.buildd.solver.gateway;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.Errno;
import dev.buildd.base.linux.GoFileMode;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.LinuxException;
import dev.buildd.base.linux.NotRegularFileException;
import dev.buildd.base.linux.RootedPath;
import dev.buildd.base.linux.Stat;
import dev.buildd.base.linux.TreeFiles;
import dev.buildd.session.filesync.source.FileStat;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;

/**
 * Looks at the files of a container's mount, which its processes may be changing. Unlike in a
 * result, a link that leads out of the mount is not taken from the mount's root: in the container
 * it would lead into another mount.
 */
final class ContainerFiles {
  private final Path tree;

  ContainerFiles(Path tree) {
    this.tree = tree;
  }

  /** Work on a file that is held. */
  @FunctionalInterface
  private interface Look<T> {
    T at(TreeFiles.PathHandle file) throws IOException;
  }

  private <T> T look(String doing, String path, boolean follow, Look<T> body) throws Exception {
    String inside = RootedPath.clean(path);
    if (!path.startsWith("/")) {
      throw BuildException.unknown("can't make " + path + " relative to /", null);
    }
    String shown = inside.equals("/") ? "." : inside.substring(1);
    return Threads.nativeCalls()
        .call(() -> {
          try (TreeFiles.PathHandle file = TreeFiles.holdBeneath(tree, shown, follow)) {
            return body.at(file);
          } catch (NotRegularFileException e) {
            throw new BuildException(
                Category.INVALID_ARGUMENT, doing + " " + shown + ": not a regular file", e);
          } catch (LinuxException e) {
            throw e.errno() == Errno.EXDEV
                ? new EscapeException(doing + " " + shown + ": path escapes from parent", e)
                : BuildException.unknown(doing + " " + shown + ": " + Errno.describe(e.errno()), e);
          }
        });
  }

  /** A link leads out of the mount. */
  private static final class EscapeException extends BuildException {
    private static final long serialVersionUID = 1L;

    EscapeException(String message, Throwable cause) {
      super(Category.UNKNOWN, message, cause);
    }
  }

  byte[] read(String path) throws Exception {
    return look(
        "openat",
        path,
        true,
        file -> {
          try (FileInputStream in = file.read(path)) {
            byte[] out = in.readNBytes(ResultFiles.MAX_READ + 1);
            if (out.length > ResultFiles.MAX_READ) {
              throw new BuildException(
                  Category.RESOURCE_EXHAUSTED, path + " is larger than a message may be");
            }
            return out;
          }
        });
  }

  List<FileStat> list(String path) throws Exception {
    return look(
        "openat",
        path,
        true,
        file -> {
          if (!file.stat().isDirectory()) {
            throw BuildException.unknown("readdir " + path + ": not a directory", null);
          }
          List<Path> entries = new ArrayList<>(TreeFiles.list(location(file)));
          entries.sort(null);
          List<FileStat> out = new ArrayList<>();
          for (Path entry : entries) {
            String name = String.valueOf(entry.getFileName());
            try (TreeFiles.PathHandle one = file.hold(name)) {
              out.add(stat(one, name));
            }
          }
          return out;
        });
  }

  FileStat stat(String path) throws Exception {
    String clean = RootedPath.clean(path);
    String name = clean.equals("/") ? "/" : clean.substring(clean.lastIndexOf('/') + 1);
    try {
      return look("statat", path, true, file -> stat(file, name));
    } catch (EscapeException e) {
      // whoever asks may resolve it as the container would
      return look("lstatat", path, false, file -> stat(file, name));
    }
  }

  /** Where a file that is held is. */
  private static Path location(TreeFiles.PathHandle file) throws IOException {
    return Path.of(Linux.readlink(file.path()));
  }

  private static FileStat stat(TreeFiles.PathHandle file, String name) throws IOException {
    Stat stat = file.stat();
    return new FileStat(
        name,
        stat.goMode() & ~GoFileMode.SOCKET,
        0,
        0,
        stat.isDirectory() ? 0 : stat.size(),
        stat.mtimeNanos(),
        stat.isSymlink() ? Linux.readlink(location(file)) : "",
        0,
        0,
        new TreeMap<>());
  }
}
