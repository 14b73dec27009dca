package dev.buildd.session.filesync.transfer;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.pattern.GoPath;
import dev.buildd.session.filesync.source.FileStat;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.Set;

/**
 * Checks what a peer tells of its tree: clean relative paths in strictly increasing order, each in
 * a directory told of before, hardlinks only to files told of before. What passes cannot name
 * anything outside of the destination, for every directory on its way is one that the receiver has
 * made.
 */
final class PathOrder {
  private static final class Level {
    final String directory;
    String last = "";

    Level(String directory) {
      this.directory = directory;
    }
  }

  private final Deque<Level> levels = new ArrayDeque<>();
  private final Set<String> files = new HashSet<>();

  PathOrder() {
    levels.push(new Level(""));
  }

  void check(FileStat stat) {
    String path = stat.path();
    if (path.isEmpty() || path.equals(".") || path.indexOf('\0') >= 0) {
      throw BuildException.invalid("invalid path " + quoted(path));
    }
    if (path.startsWith("/")) {
      throw BuildException.invalid("absolute path " + quoted(path));
    }
    if (path.equals("..") || path.startsWith("../")) {
      throw BuildException.invalid("path " + quoted(path) + " escapes the destination");
    }
    if (!path.equals(GoPath.clean(path))) {
      throw BuildException.invalid("unclean path " + quoted(path));
    }
    if (stat.size() < 0) {
      throw BuildException.invalid("negative size of " + quoted(path));
    }
    int slash = path.lastIndexOf('/');
    String directory = slash < 0 ? "" : path.substring(0, slash);
    String name = path.substring(slash + 1);
    while (levels.size() > 1 && !isWithin(directory, levels.element().directory)) {
      levels.pop();
    }
    Level level = levels.element();
    if (!level.directory.equals(directory) || GoPath.compare(level.last, name) >= 0) {
      throw BuildException.invalid(
          "changes out of order: "
              + quoted(path)
              + " "
              + quoted(GoPath.join(level.directory, level.last)));
    }
    level.last = name;
    if (stat.isDirectory()) {
      levels.push(new Level(path));
    } else if (!stat.isSymlink()) {
      checkLink(stat);
    }
  }

  private void checkLink(FileStat stat) {
    if (stat.linkName().isEmpty()) {
      files.add(stat.path());
    } else if (!files.contains(stat.linkName())) {
      throw BuildException.invalid(
          "invalid link " + stat.path() + " to unknown path: " + quoted(stat.linkName()));
    }
  }

  private static boolean isWithin(String path, String directory) {
    return directory.isEmpty()
        || path.equals(directory)
        || (path.startsWith(directory) && path.charAt(directory.length()) == '/');
  }

  private static String quoted(String path) {
    return "\"" + path.replace('\0', '?') + "\"";
  }
}
