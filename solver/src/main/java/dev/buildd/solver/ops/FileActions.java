package dev.buildd.solver.ops;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.Errno;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.LinuxException;
import dev.buildd.base.linux.NotRegularFileException;
import dev.buildd.base.linux.OutputFile;
import dev.buildd.base.linux.RootedPath;
import dev.buildd.base.linux.Stat;
import dev.buildd.base.linux.TreeFiles;
import dev.buildd.base.pattern.GoGlob;
import dev.buildd.proto.pb.FileActionMkDir;
import dev.buildd.proto.pb.FileActionMkFile;
import dev.buildd.proto.pb.FileActionRm;
import dev.buildd.proto.pb.FileActionSymlink;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The file actions on a directory tree: none leads out of its root. The root is ours alone while
 * they run.
 */
final class FileActions {
  private FileActions() {}

  static void mkdir(Path root, FileActionMkDir action, Optional<FileOwner> owner)
      throws IOException {
    named(
        action.getPath(),
        root,
        () -> {
          Path path = RootedPath.resolve(root, action.getPath());
          int mode = action.getMode() & 0777;
          if (action.getMakeParents()) {
            mkdirAll(path, mode, owner, action.getTimestamp());
            return;
          }
          try {
            Linux.mkdir(path, mode);
          } catch (LinuxException e) {
            if (e.errno() == Errno.EEXIST) {
              return;
            }
            throw e;
          }
          Linux.chmod(path, mode);
          finish(path, owner, action.getTimestamp());
        });
  }

  static void mkfile(Path root, FileActionMkFile action, Optional<FileOwner> owner)
      throws IOException {
    named(
        action.getPath(),
        root,
        () -> {
          Path path = RootedPath.resolve(root, RootedPath.clean(action.getPath()));
          boolean existed = Linux.exists(path);
          try (OutputFile out = existed ? TreeFiles.overwrite(path) : OutputFile.create(path)) {
            out.write(action.getData().asReadOnlyByteBuffer());
            if (!existed) {
              out.setPermissions(action.getMode() & 0777);
            }
          }
          finish(path, owner, action.getTimestamp());
        });
  }

  static void symlink(Path root, FileActionSymlink action, Optional<FileOwner> owner)
      throws IOException {
    named(
        action.getNewpath(),
        root,
        () -> {
          Path path = RootedPath.resolve(root, RootedPath.clean(action.getNewpath()));
          Linux.symlink(action.getOldpath(), path);
          finish(path, owner, action.getTimestamp());
        });
  }

  static void rm(Path root, FileActionRm action) throws IOException {
    named(
        action.getPath(),
        root,
        () -> {
          if (action.getAllowWildcard()) {
            for (String match : matches(root, action.getPath(), false)) {
              rmPath(root, match, action.getAllowNotFound());
            }
          } else {
            rmPath(root, action.getPath(), action.getAllowNotFound());
          }
        });
  }

  private static void rmPath(Path root, String raw, boolean allowNotFound) throws IOException {
    String path = RootedPath.clean(raw);
    if (path.equals("/")) {
      throw BuildException.invalid("rmPath: invalid empty path");
    }
    Path target = RootedPath.resolveParent(root, path);
    if (!Linux.exists(target)) {
      if (allowNotFound) {
        return;
      }
      throw new BuildException(Category.NOT_FOUND, "stat " + path + ": no such file or directory");
    }
    removeAll(target);
  }

  /** Removes a file or a directory with all below it; links are removed, not followed. */
  static void removeAll(Path path) throws IOException {
    Stat stat = Linux.tryLstat(path);
    if (stat == null) {
      return;
    }
    if (!stat.isDirectory()) {
      Linux.unlink(path);
      return;
    }
    for (Path child : children(path)) {
      removeAll(child);
    }
    Linux.rmdir(path);
  }

  /** The entries of a directory in order of their names' bytes. */
  static List<Path> children(Path directory) throws IOException {
    List<Path> out = TreeFiles.list(directory);
    out.sort(null);
    return out;
  }

  /** Makes a directory and its missing parents; returns those that were made, outermost first. */
  static List<Path> mkdirAll(Path path, int mode, Optional<FileOwner> owner, long timestamp)
      throws IOException {
    List<Path> missing = new ArrayList<>();
    Path at = path;
    while (true) {
      Stat stat;
      try {
        stat = Linux.stat(at);
      } catch (LinuxException e) {
        if (e.errno() == Errno.ENOTDIR) {
          throw e;
        }
        Path parent = at.getParent();
        if (e.errno() != Errno.ENOENT || parent == null) {
          throw e;
        }
        missing.addFirst(at);
        at = parent;
        continue;
      }
      if (!stat.isDirectory()) {
        throw new BuildException(Category.INVALID_ARGUMENT, "mkdir " + path + ": not a directory");
      }
      break;
    }
    for (Path made : missing) {
      Linux.mkdir(made, mode);
      Linux.chmod(made, mode);
      finish(made, owner, timestamp);
    }
    return missing;
  }

  static void finish(Path path, Optional<FileOwner> owner, long timestamp) throws IOException {
    if (owner.isPresent()) {
      Linux.lchown(path, owner.get().uid(), owner.get().gid());
    }
    if (timestamp != -1) {
      Linux.utimensat(path, timestamp, timestamp);
    }
  }

  /**
   * The paths below the root that a path with wildcards names, itself if it has none; absolute in
   * the root, in order.
   */
  static List<String> matches(Path root, String raw, boolean followLinks) throws IOException {
    String path = cleanKeepingEnd(raw);
    List<String> plain = new ArrayList<>();
    List<String> wild = new ArrayList<>();
    for (String name : RootedPath.clean(path).substring(1).split("/", -1)) {
      if (!wild.isEmpty() || hasWildcards(name)) {
        wild.add(name);
      } else {
        plain.add(name);
      }
    }
    if (wild.isEmpty()) {
      return List.of(path);
    }
    String base = "/" + String.join("/", plain);
    Path start =
        followLinks ? RootedPath.resolve(root, base) : RootedPath.resolveParent(root, base);
    List<String> out = new ArrayList<>();
    if (Linux.exists(start)) {
      descend(root, start, start, String.join("/", wild), out);
    } else {
      throw new BuildException(Category.NOT_FOUND, "lstat " + base + ": no such file or directory");
    }
    return out;
  }

  private static void descend(Path root, Path start, Path at, String pattern, List<String> out)
      throws IOException {
    if (!Linux.lstat(at).isDirectory()) {
      return;
    }
    for (Path child : children(at)) {
      if (GoGlob.match(pattern, start.relativize(child).toString())) {
        out.add(RootedPath.inside(root, child));
      } else {
        descend(root, start, child, pattern, out);
      }
    }
  }

  static boolean hasWildcards(String name) {
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      if (c == '\\') {
        i++;
      } else if (c == '*' || c == '?' || c == '[') {
        return true;
      }
    }
    return false;
  }

  /** Absolute and clean, but a trailing {@code /} or {@code /.} stays: it asks for a directory. */
  static String cleanKeepingEnd(String path) {
    String clean = RootedPath.clean(path);
    if (path.endsWith("/.")) {
      return clean.equals("/") ? "/." : clean + "/.";
    }
    return path.endsWith("/") && !clean.equals("/") ? clean + "/" : clean;
  }

  /** Work on a tree. */
  @FunctionalInterface
  interface Body {
    void run() throws IOException;
  }

  /** Takes the place where our root stands out of what users are told. */
  static void named(String path, Path root, Body body) throws IOException {
    try {
      body.run();
    } catch (IOException e) {
      String text = e.getMessage() == null ? path : e.getMessage();
      throw new BuildException(
          e instanceof NotRegularFileException ? Category.INVALID_ARGUMENT : Category.UNKNOWN,
          within(root, text),
          e);
    } catch (BuildException e) {
      String text = String.valueOf(e.getMessage());
      throw text.contains(root.toString())
          ? new BuildException(e.category(), within(root, text), e)
          : e;
    }
  }

  private static String within(Path root, String text) {
    return text.replace(root + "/", "/").replace(root.toString(), "/");
  }
}
