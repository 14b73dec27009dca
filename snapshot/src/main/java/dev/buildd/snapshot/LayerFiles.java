package dev.buildd.snapshot;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.linux.Errno;
import dev.buildd.base.linux.FileNames;
import dev.buildd.base.linux.FileTree;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.LinuxException;
import dev.buildd.base.linux.Stat;
import dev.buildd.base.linux.TreeFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Layers in overlayfs's form, read without mounting them: what a stack of them shows, and what one
 * layer equal to several holds. Removed files are character devices 0/0, directories that hide what
 * is below bear {@code trusted.overlay.opaque}. All lists of layers begin with the topmost.
 */
public final class LayerFiles {
  private static final String OVERLAY = "trusted.overlay.";
  public static final String OPAQUE = OVERLAY + "opaque";

  /** Present on directories that may hold whiteouts; without it overlayfs may list them. */
  public static final String ORIGIN = OVERLAY + "origin";

  /** Of paths below a directory: well below what the kernel takes at once. */
  private static final int MAX_PATH = 1000;

  private LayerFiles() {}

  /**
   * One name in a stack of layers.
   *
   * @param path the topmost file of that name
   * @param directories for a directory, all whose entries are shown, topmost first
   * @param opaque whether it hides a directory of layers further below
   */
  public record Node(Path path, Stat stat, List<Path> directories, boolean opaque) {
    public boolean isWhiteout() {
      return stat.isWhiteout();
    }
  }

  /** The names in a directory, in the order of the directory. */
  public static List<Path> list(Path directory) throws IOException {
    return TreeFiles.list(directory);
  }

  /** What the directories of one path, topmost first, hold together, whiteouts included. */
  public static SortedMap<String, Node> scan(List<Path> directories) throws IOException {
    SortedMap<String, Node> out = new TreeMap<>();
    for (int i = 0; i < directories.size(); i++) {
      for (Path path : list(directories.get(i))) {
        String name = path.getFileName().toString();
        if (!out.containsKey(name)) {
          out.put(name, node(path, name, directories.subList(i + 1, directories.size())));
        }
      }
    }
    return out;
  }

  private static Node node(Path path, String name, List<Path> below) throws IOException {
    Stat stat = Linux.lstat(path);
    if (!stat.isDirectory()) {
      return new Node(path, stat, List.of(), false);
    }
    List<Path> all = new ArrayList<>();
    all.add(path);
    boolean opaque = isOpaque(path);
    if (!opaque) {
      opaque = collect(name, below, all);
    }
    return new Node(path, stat, List.copyOf(all), opaque);
  }

  /** Adds the directories of that name which show through; true where something ends the search. */
  private static boolean collect(String name, List<Path> below, List<Path> all) throws IOException {
    for (Path directory : below) {
      Path other = directory.resolve(name);
      Stat stat = Linux.tryLstat(other);
      if (stat == null) {
        continue;
      }
      if (!stat.isDirectory()) {
        return true;
      }
      all.add(other);
      if (isOpaque(other)) {
        return true;
      }
    }
    return false;
  }

  public static boolean isOpaque(Path directory) throws LinuxException {
    byte[] value = Linux.getxattr(directory, OPAQUE);
    return value != null && value.length == 1 && value[0] == 'y';
  }

  /** Fills an existing empty directory with one layer that does what the given ones do. */
  public static void merge(List<Path> layers, Path target) throws IOException {
    mergeInto(layers, target);
    copyAttributes(layers.getFirst(), Linux.lstat(layers.getFirst()), target);
  }

  private static void mergeInto(List<Path> directories, Path target) throws IOException {
    boolean whiteouts = false;
    for (Map.Entry<String, Node> entry : scan(directories).entrySet()) {
      Node node = entry.getValue();
      Path at = target.resolve(entry.getKey());
      if (node.stat.isDirectory()) {
        Linux.mkdir(at, 0700);
        mergeInto(node.directories, at);
        if (node.opaque) {
          Linux.setxattr(at, OPAQUE, new byte[] {'y'});
        }
        copyAttributes(node.path, node.stat, at);
      } else {
        whiteouts |= node.isWhiteout();
        linkOrCopy(node.path, node.stat, at);
      }
    }
    if (whiteouts) {
      Linux.setxattr(target, ORIGIN, new byte[0]);
    }
  }

  /** Another name for a file; a copy where the filesystem allows no further name. */
  public static void linkOrCopy(Path from, Stat stat, Path to) throws IOException {
    try {
      Linux.link(from, to);
    } catch (LinuxException e) {
      if (e.errno() != Errno.EMLINK && e.errno() != Errno.EXDEV && e.errno() != Errno.EPERM) {
        throw e;
      }
      copy(from, stat, to);
    }
  }

  /** Copies one file that is not a directory, with all its attributes. */
  public static void copy(Path from, Stat stat, Path to) throws IOException {
    switch (stat.type()) {
      case Stat.S_IFREG -> TreeFiles.copy(from, to);
      case Stat.S_IFLNK -> Linux.symlink(Linux.readlink(from), to);
      default -> Linux.mknod(to, stat.mode(), stat.rdev());
    }
    copyAttributes(from, stat, to);
  }

  /** Owner, mode, extended attributes but overlayfs's own, modification time. */
  public static void copyAttributes(Path from, Stat stat, Path to) throws IOException {
    Linux.lchown(to, stat.uid(), stat.gid());
    if (!stat.isSymlink()) {
      Linux.chmod(to, stat.permissions());
    }
    for (Map.Entry<String, byte[]> attribute : Linux.xattrs(from).entrySet()) {
      if (!attribute.getKey().startsWith(OVERLAY)) {
        try {
          Linux.setxattr(to, attribute.getKey(), attribute.getValue());
        } catch (LinuxException e) {
          if (e.errno() != Errno.EOPNOTSUPP) {
            throw e;
          }
        }
      }
    }
    Linux.utimensat(to, Linux.UTIME_OMIT, stat.mtimeNanos());
  }

  /**
   * Whether a layer says no more than what it changes of those it was made on. The kernel copies
   * directories up that then stay as they were, marks new ones as opaque to spare itself lookups,
   * and keeps files that came back to what they had been: laid over other layers, all that would
   * hide theirs.
   */
  public static boolean isPlain(Path layer, List<Path> below) throws IOException {
    SortedMap<String, Node> shown = scan(below);
    for (Path path : list(layer)) {
      Stat stat = Linux.lstat(path);
      Node old = shown.get(path.getFileName().toString());
      if (old != null && old.isWhiteout()) {
        old = null;
      }
      if (stat.isWhiteout()) {
        if (old == null) {
          return false;
        }
        continue;
      }
      boolean same = old != null && Difference.same(old, new Node(path, stat, List.of(), false));
      if (!stat.isDirectory()) {
        if (same) {
          return false;
        }
        continue;
      }
      if (isOpaque(path)
          || (same && list(path).isEmpty())
          || !isPlain(path, old == null ? List.of() : old.directories)) {
        return false;
      }
    }
    return true;
  }

  /**
   * Writes into an existing empty directory the layer that turns what {@code lower} shows into what
   * {@code upper} shows. Either may be an empty list.
   */
  public static void diff(List<Path> lower, List<Path> upper, Path target) throws IOException {
    new Difference(target).directory(lower, upper, "");
    if (!upper.isEmpty()) {
      copyAttributes(upper.getFirst(), Linux.lstat(upper.getFirst()), target);
    }
  }

  /** Makes directories only once something in them differs. */
  private record Difference(Path target) {
    void directory(List<Path> lower, List<Path> upper, String at) throws IOException {
      SortedMap<String, Node> before = shown(lower);
      SortedMap<String, Node> after = shown(upper);
      boolean whiteouts = false;
      for (String name : before.keySet()) {
        if (!after.containsKey(name)) {
          Linux.mknod(parent(at, upper).resolve(name), Stat.S_IFCHR, 0);
          whiteouts = true;
        }
      }
      if (whiteouts) {
        Linux.setxattr(target.resolve(at), ORIGIN, new byte[0]);
      }
      for (Map.Entry<String, Node> entry : after.entrySet()) {
        entry(at, upper, entry.getKey(), before.get(entry.getKey()), entry.getValue());
      }
    }

    private void entry(String at, List<Path> upper, String name, @Nullable Node before, Node after)
        throws IOException {
      String path = at.isEmpty() ? name : at + "/" + name;
      boolean changed = before == null || !same(before, after);
      if (!after.stat.isDirectory()) {
        if (changed) {
          linkOrCopy(after.path, after.stat, parent(at, upper).resolve(name));
        }
        return;
      }
      if (changed) {
        parent(at, upper);
        Linux.mkdir(target.resolve(path), 0700);
      }
      List<Path> under = before == null ? List.of() : before.directories;
      if (!under.equals(after.directories)) {
        directory(under, after.directories, path);
      }
      if (Linux.exists(target.resolve(path))) {
        copyAttributes(after.path, after.stat, target.resolve(path));
      }
    }

    /** The directory to write to, made with all its parents if need be. */
    private Path parent(String at, List<Path> upper) throws IOException {
      Path directory = target.resolve(at);
      if (!Linux.exists(directory)) {
        int slash = at.lastIndexOf('/');
        parent(slash < 0 ? "" : at.substring(0, slash), upper);
        Linux.mkdir(directory, 0700);
      }
      return directory;
    }

    private static SortedMap<String, Node> shown(List<Path> directories) throws IOException {
      SortedMap<String, Node> out = scan(directories);
      out.values().removeIf(Node::isWhiteout);
      return out;
    }

    private static boolean same(Node before, Node after) throws IOException {
      Stat a = before.stat;
      Stat b = after.stat;
      if (a.dev() == b.dev() && a.ino() == b.ino()) {
        return true;
      }
      if (a.mode() != b.mode()
          || a.uid() != b.uid()
          || a.gid() != b.gid()
          || a.rdev() != b.rdev()
          || !sameXattrs(before.path, after.path)) {
        return false;
      }
      return switch (a.type()) {
        case Stat.S_IFDIR -> true;
        case Stat.S_IFLNK ->
            Linux.readlink(before.path).equals(Linux.readlink(after.path))
                && a.mtimeNanos() == b.mtimeNanos();
        case Stat.S_IFREG ->
            a.size() == b.size() && a.mtimeNanos() == b.mtimeNanos() && sameContent(before, after);
        default -> a.mtimeNanos() == b.mtimeNanos();
      };
    }

    private static boolean sameContent(Node before, Node after) throws IOException {
      // a time without nanoseconds comes from an archive and proves nothing
      return before.stat.mtimeNanos() % 1_000_000_000 != 0
          || TreeFiles.sameContent(before.path, after.path);
    }

    private static boolean sameXattrs(Path a, Path b) throws IOException {
      SortedMap<String, byte[]> x = own(a);
      SortedMap<String, byte[]> y = own(b);
      return x.keySet().equals(y.keySet())
          && x.entrySet().stream()
              .allMatch(e -> java.util.Arrays.equals(e.getValue(), y.get(e.getKey())));
    }

    private static SortedMap<String, byte[]> own(Path path) throws IOException {
      SortedMap<String, byte[]> out = Linux.xattrs(path);
      out.keySet().removeIf(name -> name.startsWith(OVERLAY));
      return out;
    }
  }

  /** Copies a layer over the files of a directory, doing what its whiteouts say. */
  public static void apply(Path layer, Path target) throws IOException {
    new Applied(new java.util.HashMap<>()).apply(layer, target);
  }

  /**
   * @param copies the first copy of each file that has several names
   */
  private record Applied(Map<Long, Path> copies) {
    void apply(Path layer, Path target) throws IOException {
      for (Path path : list(layer)) {
        Stat stat = Linux.lstat(path);
        Path at = target.resolve(path.getFileName().toString());
        Stat old = Linux.tryLstat(at);
        boolean descends = stat.isDirectory() && old != null && old.isDirectory();
        if (old != null && (!descends || isOpaque(path))) {
          FileTree.delete(at);
          descends = false;
        }
        if (stat.isWhiteout()) {
          continue;
        }
        if (stat.isDirectory()) {
          if (!descends) {
            Linux.mkdir(at, 0700);
          }
          apply(path, at);
        } else {
          file(path, stat, at);
        }
      }
      copyAttributes(layer, Linux.lstat(layer), target);
    }

    private void file(Path path, Stat stat, Path at) throws IOException {
      Path twin = stat.nlink() > 1 ? copies.putIfAbsent(stat.ino(), at) : null;
      if (twin != null && Linux.exists(twin)) {
        Linux.link(twin, at);
      } else {
        copy(path, stat, at);
      }
    }
  }

  /**
   * The space below a directory, itself included.
   *
   * @param linked whether files with several names belong to others and are not counted
   */
  public static Usage usage(Path directory, boolean linked) throws IOException {
    Counter counter = new Counter(linked);
    try {
      counter.tops.add(TreeFiles.hold(directory));
      while (!counter.tops.isEmpty()) {
        try (TreeFiles.PathHandle top = counter.tops.removeLast()) {
          counter.add(top, "");
        }
      }
    } catch (LinuxException e) {
      if (e.errno() != Errno.ENOENT) {
        throw e;
      }
    } finally {
      counter.tops.forEach(left -> Cleanup.run("close", left::close));
    }
    return new Usage(counter.bytes, counter.inodes);
  }

  private static final class Counter {
    private final Set<Long> seen = new HashSet<>();
    private final boolean linked;
    private long bytes;
    private long inodes;

    /** From where paths are counted: they may become too long, and their calls too deep, else. */
    private final Deque<TreeFiles.PathHandle> tops = new ArrayDeque<>();

    Counter(boolean linked) {
      this.linked = linked;
    }

    void add(TreeFiles.PathHandle top, String at) throws IOException {
      if (at.length() > MAX_PATH) {
        tops.addLast(top.hold(at));
        return;
      }
      Path path = top.path().resolve(at);
      Stat stat = at.isEmpty() ? top.stat() : Linux.tryLstat(path);
      if (stat == null) {
        return; // gone meanwhile
      }
      if (!stat.isDirectory() && stat.nlink() > 1 && (linked || !seen.add(stat.ino()))) {
        return;
      }
      bytes += stat.blocks() * 512;
      inodes++;
      if (stat.isDirectory()) {
        List<Path> entries;
        try {
          entries = FileNames.list(path);
        } catch (java.nio.file.NoSuchFileException e) {
          return;
        }
        String prefix = at.isEmpty() ? "" : at + "/";
        for (Path entry : entries) {
          add(top, prefix + entry.getFileName());
        }
      }
    }
  }
}
