package dev.buildd.session.filesync.source;

import dev.buildd.base.linux.GoFileMode;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.Stat;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What is told of a file when trees are transferred.
 *
 * @param path relative to the tree's root, without {@code .} or {@code ..}
 * @param mode in Go's form, see {@link GoFileMode}
 * @param modTime nanoseconds since the epoch
 * @param linkName the target of a symlink; of a regular file, the earlier path that it is another
 *     name of
 */
public record FileStat(
    String path,
    int mode,
    int uid,
    int gid,
    long size,
    long modTime,
    String linkName,
    long devMajor,
    long devMinor,
    SortedMap<String, byte[]> xattrs) {
  private static final SortedMap<String, byte[]> NO_XATTRS =
      Collections.unmodifiableSortedMap(new TreeMap<>());

  public FileStat {
    xattrs = xattrs.isEmpty() ? NO_XATTRS : Collections.unmodifiableSortedMap(xattrs);
  }

  /** A directory, for trees made by hand. */
  public static FileStat directory(String path, int permissions, long modTime) {
    return new FileStat(path, GoFileMode.DIR | permissions, 0, 0, 0, modTime, "", 0, 0, NO_XATTRS);
  }

  /** A regular file, for trees made by hand. */
  public static FileStat file(String path, int permissions, long size, long modTime) {
    return new FileStat(path, permissions, 0, 0, size, modTime, "", 0, 0, NO_XATTRS);
  }

  /** Reads what the disk says; sockets are given as regular files, as fsutil does. */
  static FileStat read(Path file, String path, Stat stat) throws IOException {
    boolean directory = stat.isDirectory();
    boolean device = stat.isDevice();
    SortedMap<String, byte[]> xattrs = NO_XATTRS;
    if (directory || stat.isRegular()) {
      SortedMap<String, byte[]> found = Linux.xattrs(file);
      found.keySet().removeIf(name -> name.startsWith("com.apple."));
      xattrs = found;
    }
    return new FileStat(
        path,
        stat.goMode() & ~GoFileMode.SOCKET,
        stat.uid(),
        stat.gid(),
        directory ? 0 : stat.size(),
        stat.mtimeNanos(),
        stat.isSymlink() ? Linux.readlink(file) : "",
        device ? stat.devMajor() : 0,
        device ? stat.devMinor() : 0,
        xattrs);
  }

  public boolean isDirectory() {
    return (mode & GoFileMode.DIR) != 0;
  }

  public boolean isSymlink() {
    return (mode & GoFileMode.SYMLINK) != 0;
  }

  /** Whether it is a device or a FIFO. */
  public boolean isSpecial() {
    return (mode & (GoFileMode.DEVICE | GoFileMode.NAMED_PIPE)) != 0;
  }

  /** Whether it is a regular file, which has content that can be asked for. */
  public boolean isRegular() {
    return GoFileMode.isRegular(mode);
  }

  /** Whether it is a second name of a file told of before. */
  public boolean isHardlink() {
    return isRegular() && !linkName.isEmpty();
  }

  public FileStat withPath(String other) {
    return new FileStat(other, mode, uid, gid, size, modTime, linkName, devMajor, devMinor, xattrs);
  }

  public FileStat withLinkName(String other) {
    return new FileStat(path, mode, uid, gid, size, modTime, other, devMajor, devMinor, xattrs);
  }

  public FileStat withOwner(int otherUid, int otherGid) {
    return uid == otherUid && gid == otherGid
        ? this
        : new FileStat(
            path, mode, otherUid, otherGid, size, modTime, linkName, devMajor, devMinor, xattrs);
  }

  public FileStat withModTime(long nanos) {
    return new FileStat(path, mode, uid, gid, size, nanos, linkName, devMajor, devMinor, xattrs);
  }

  public FileStat withMode(int goMode) {
    return new FileStat(
        path, goMode, uid, gid, size, modTime, linkName, devMajor, devMinor, xattrs);
  }

  public FileStat withXattrs(Map<String, byte[]> others) {
    return new FileStat(
        path, mode, uid, gid, size, modTime, linkName, devMajor, devMinor, new TreeMap<>(others));
  }
}
