package dev.buildd.base.linux;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * Resolves paths below a root as a process confined to it would: no symlink and no {@code ..} leads
 * out. Sound where nobody else changes the tree meanwhile; where somebody may, use {@link
 * Linux#openat2}.
 */
public final class RootedPath {
  private static final int MAX_LINKS = 255;

  private RootedPath() {}

  /** The file that the path names, its last component followed if it is a symlink. */
  public static Path resolve(Path root, String path) throws IOException {
    return walk(root, path, true);
  }

  /** As {@link #resolve}, but a symlink that is the last component is named itself. */
  public static Path resolveParent(Path root, String path) throws IOException {
    return walk(root, path, false);
  }

  private static Path walk(Path root, String path, boolean followLast) throws IOException {
    Deque<String> pending = new ArrayDeque<>();
    push(pending, path);
    Path at = root;
    int links = 0;
    while (!pending.isEmpty()) {
      String name = pending.pop();
      if (name.isEmpty() || name.equals(".")) {
        continue;
      }
      if (name.equals("..")) {
        Path up = at.getParent();
        at = at.equals(root) || up == null ? root : up;
        continue;
      }
      if (name.indexOf('\0') >= 0) {
        throw new LinuxException("resolve", path.replace('\0', '?'), Errno.EINVAL);
      }
      Path next = at.resolve(name);
      if (pending.isEmpty() && !followLast) {
        return next;
      }
      @Nullable Stat stat = Linux.tryLstat(next);
      if (stat != null && stat.isSymlink()) {
        if (++links > MAX_LINKS) {
          throw new LinuxException("resolve", path, Errno.ELOOP);
        }
        String target = Linux.readlink(next);
        push(pending, target);
        if (target.startsWith("/")) {
          at = root;
        }
      } else {
        at = next;
      }
    }
    return at;
  }

  private static void push(Deque<String> pending, String path) {
    String[] names = path.split("/");
    for (int i = names.length - 1; i >= 0; i--) {
      pending.push(names[i]);
    }
  }

  /**
   * The path as {@code openat2(2)} takes it from the root: a leading slash would not harm there.
   */
  static String relative(String path) throws LinuxException {
    if (path.indexOf('\0') >= 0) {
      throw new LinuxException("resolve", path.replace('\0', '?'), Errno.EINVAL);
    }
    String name = path;
    while (name.endsWith("/")) { // would ask for a directory
      name = name.substring(0, name.length() - 1);
    }
    return name.isEmpty() ? "." : name;
  }

  /** The path as a process confined to the root would write it, beginning with a slash. */
  public static String inside(Path root, Path path) {
    return "/" + root.relativize(path);
  }

  /**
   * Joins and cleans as Go's {@code path.Join("/", ...)}: absolute, without {@code .} or {@code
   * ..}.
   */
  public static String clean(String path) {
    Deque<String> names = new ArrayDeque<>();
    for (String name : path.split("/")) {
      if (name.equals("..")) {
        names.pollLast();
      } else if (!name.isEmpty() && !name.equals(".")) {
        names.addLast(name);
      }
    }
    return "/" + String.join("/", names);
  }
}
