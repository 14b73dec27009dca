package dev.buildd.base.linux;

/**
 * What {@code lstat(2)} tells of a file.
 *
 * @param mode type and permission bits as in {@code st_mode}
 * @param size bytes
 * @param mtimeNanos nanoseconds since the epoch
 * @param blocks units of 512 bytes
 */
public record Stat(
    long dev,
    long ino,
    int mode,
    long nlink,
    int uid,
    int gid,
    long rdev,
    long size,
    long blocks,
    long mtimeNanos,
    long ctimeNanos) {
  public static final int S_IFMT = 0170000;
  public static final int S_IFSOCK = 0140000;
  public static final int S_IFLNK = 0120000;
  public static final int S_IFREG = 0100000;
  public static final int S_IFBLK = 0060000;
  public static final int S_IFDIR = 0040000;
  public static final int S_IFCHR = 0020000;
  public static final int S_IFIFO = 0010000;

  public int type() {
    return mode & S_IFMT;
  }

  public boolean isDirectory() {
    return type() == S_IFDIR;
  }

  public boolean isRegular() {
    return type() == S_IFREG;
  }

  public boolean isSymlink() {
    return type() == S_IFLNK;
  }

  public boolean isDevice() {
    return type() == S_IFCHR || type() == S_IFBLK;
  }

  /** The same file, were its mode and owner others. */
  public Stat with(int otherMode, int otherUid, int otherGid) {
    return new Stat(
        dev, ino, otherMode, nlink, otherUid, otherGid, rdev, size, blocks, mtimeNanos, ctimeNanos);
  }

  /** Permission bits with set-user-id, set-group-id and sticky. */
  public int permissions() {
    return mode & 07777;
  }

  public int devMajor() {
    return Linux.major(rdev);
  }

  public int devMinor() {
    return Linux.minor(rdev);
  }

  /** Whether this is overlayfs's mark of a removed file: a character device 0/0. */
  public boolean isWhiteout() {
    return type() == S_IFCHR && rdev == 0;
  }

  /** The mode as Go's {@code os.FileMode} has it, which is how it travels in fsutil's packets. */
  public int goMode() {
    return GoFileMode.fromUnix(mode);
  }
}
