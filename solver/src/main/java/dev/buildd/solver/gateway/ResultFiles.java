package dev.buildd.solver.gateway;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.Errno;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.LinuxException;
import dev.buildd.base.linux.NotRegularFileException;
import dev.buildd.base.linux.RootedPath;
import dev.buildd.base.linux.Stat;
import dev.buildd.base.linux.TreeFiles;
import dev.buildd.base.pattern.GoGlob;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.Mounted;
import dev.buildd.session.filesync.source.FileStat;
import dev.buildd.solver.llb.ResultProxy;
import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Looks at the files of results, solving what is not solved yet. No path leads out of the result,
 * and nothing but regular files is opened.
 */
final class ResultFiles {
  /** As much as a message holds, so that frontends can do the same wherever they run. */
  static final int MAX_READ = 16 << 20;

  private ResultFiles() {}

  /** Work on the root of a result's files. */
  @FunctionalInterface
  private interface Look<T> {
    T at(Path root) throws IOException;
  }

  private static <T> T look(ResultProxy result, Look<T> body) throws Exception {
    Optional<ImmutableRef> files = result.ref();
    if (files.isEmpty()) {
      Path empty = Files.createTempDirectory("buildd-empty");
      try {
        return body.at(empty);
      } finally {
        Files.delete(empty);
      }
    }
    try (Mounted at = files.get().mount()) {
      return Threads.nativeCalls().call(() -> body.at(at.path()));
    }
  }

  private static BuildException failed(String doing, String path, IOException e) {
    String reason = e instanceof LinuxException linux ? Errno.describe(linux.errno()) : reason(e);
    return BuildException.unknown(doing + " " + path + ": " + reason, e);
  }

  private static String reason(IOException e) {
    return e instanceof NoSuchFileException || e instanceof FileNotFoundException
        ? "no such file or directory"
        : String.valueOf(e.getMessage());
  }

  /**
   * A part of a file.
   *
   * @param length zero for all that follows
   */
  static byte[] read(ResultProxy result, String path, long offset, long length) throws Exception {
    return look(
        result,
        root -> {
          try (FileInputStream in = TreeFiles.readIn(root, path)) {
            long from = Math.max(0, offset);
            long rest = Math.max(0, in.getChannel().size() - from);
            long wanted = length <= 0 ? rest : Math.min(length, rest);
            if (wanted > MAX_READ) {
              throw new BuildException(
                  Category.RESOURCE_EXHAUSTED,
                  path + " is larger than a message may be; read it in ranges");
            }
            in.getChannel().position(from);
            return in.readNBytes((int) wanted);
          } catch (NotRegularFileException e) {
            throw new BuildException(
                Category.INVALID_ARGUMENT, "open " + path + ": not a regular file", e);
          } catch (IOException e) {
            throw failed("open", path, e);
          }
        });
  }

  /**
   * What is in a directory, by name.
   *
   * @param includePattern for names; empty for all
   */
  static List<FileStat> list(ResultProxy result, String path, String includePattern)
      throws Exception {
    return look(
        result,
        root -> {
          List<FileStat> out = new ArrayList<>();
          try {
            List<Path> entries = TreeFiles.list(RootedPath.resolve(root, path));
            entries.sort(null);
            for (Path entry : entries) {
              String name = String.valueOf(entry.getFileName());
              if (includePattern.isEmpty() || GoGlob.match(includePattern, name)) {
                out.add(stat(entry, name));
              }
            }
          } catch (NotDirectoryException e) {
            throw BuildException.unknown("open " + path + ": not a directory", e);
          } catch (IOException e) {
            throw failed("open", path, e);
          }
          return out;
        });
  }

  static FileStat stat(ResultProxy result, String path) throws Exception {
    return look(
        result,
        root -> {
          try {
            Path file = RootedPath.resolve(root, path);
            Path name = file.getFileName();
            return stat(file, file.equals(root) || name == null ? "/" : name.toString());
          } catch (IOException e) {
            throw failed("lstat", path, e);
          }
        });
  }

  private static FileStat stat(Path file, String name) throws IOException {
    Stat stat = Linux.lstat(file);
    boolean device = stat.isDevice();
    return new FileStat(
        name,
        stat.goMode(),
        stat.uid(),
        stat.gid(),
        stat.isDirectory() ? 0 : stat.size(),
        stat.mtimeNanos(),
        stat.isSymlink() ? Linux.readlink(file) : "",
        device ? stat.devMajor() : 0,
        device ? stat.devMinor() : 0,
        Linux.xattrs(file));
  }
}
