package dev.buildd.base.linux;

import java.io.FileInputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/**
 * The one way in which the daemon opens files of a tree that a build controls. A step may have put
 * a device node, a FIFO or a link in the place of any file: to open a device is to use it with the
 * daemon's rights, to open a FIFO is to wait for ever, to follow a link is to leave the tree. So a
 * file is first held by a descriptor that opens nothing ({@code O_PATH}), looked at, and opened for
 * reading or writing only if it is a regular file, by that same descriptor.
 *
 * <p>A path alone, as {@link RootedPath} resolves it, has no link in it: one that has come there
 * since is an error ({@code ELOOP}). A path with a root is resolved by the kernel, within the root.
 * Blocks as {@link Linux} does.
 */
public final class TreeFiles {
  private static final long NO_LINKS = Linux.RESOLVE_NO_SYMLINKS | Linux.RESOLVE_NO_MAGICLINKS;
  private static final long IN_ROOT = Linux.RESOLVE_IN_ROOT | Linux.RESOLVE_NO_MAGICLINKS;
  private static final int HELD = Linux.O_PATH | Linux.O_NOFOLLOW;
  private static final int BUFFER = 64 << 10;

  private TreeFiles() {}

  /** Opens a regular file that a path without links names. */
  public static FileInputStream read(Path file) throws IOException {
    return regular(held(file), file.toString());
  }

  private static int held(Path file) throws IOException {
    return Linux.openat2(Linux.AT_FDCWD, file.toString(), HELD, 0, NO_LINKS);
  }

  /** Opens a regular file below a root; links are followed as a process confined to it would. */
  public static FileInputStream readIn(Path root, String path) throws IOException {
    return readIn(root, path, Linux.O_PATH);
  }

  /** As {@link #readIn}, but a link that is the last component is refused. */
  public static FileInputStream readInUnfollowed(Path root, String path) throws IOException {
    return readIn(root, path, HELD);
  }

  private static FileInputStream readIn(Path root, String path, int flags) throws IOException {
    return regular(heldIn(root, path, flags), path);
  }

  private static int heldIn(Path root, String path, int flags) throws IOException {
    int directory = Linux.open(root, Linux.O_PATH | Linux.O_DIRECTORY, 0);
    try {
      return Linux.openat2(directory, RootedPath.relative(path), flags, 0, IN_ROOT);
    } finally {
      Linux.close(directory);
    }
  }

  /** A file of any kind that is held, but not opened: it can be looked at, and bound elsewhere. */
  public static final class PathHandle implements AutoCloseable {
    private final int descriptor;

    private PathHandle(int descriptor) {
      this.descriptor = descriptor;
    }

    public Stat stat() throws IOException {
      return Linux.fstat(descriptor);
    }

    /** Holds what a path without links names from here. */
    public PathHandle hold(String path) throws IOException {
      return new PathHandle(Linux.openat2(descriptor, path, HELD, 0, NO_LINKS));
    }

    /** Opens it if it is a regular file. */
    public FileInputStream read(String shown) throws IOException {
      requireRegular(descriptor, shown);
      return new FileInputStream(again(descriptor));
    }

    /** By which it can be reached while it is held, whatever has its name by now. */
    public Path path() {
      return Path.of(again(descriptor));
    }

    @Override
    public void close() throws IOException {
      Linux.close(descriptor);
    }
  }

  /** Holds what a path without links names. */
  public static PathHandle hold(Path file) throws IOException {
    return new PathHandle(held(file));
  }

  /** Holds what is below a root; links are followed as a process confined to it would. */
  public static PathHandle holdIn(Path root, String path) throws IOException {
    return new PathHandle(heldIn(root, path, Linux.O_PATH));
  }

  /**
   * Holds what is below a root. Links are followed as long as they stay below it; one that is
   * absolute or leads out is an error ({@code EXDEV}).
   *
   * @param path without a leading slash
   * @param followLast whether the last component may be a link
   */
  public static PathHandle holdBeneath(Path root, String path, boolean followLast)
      throws IOException {
    int directory = Linux.open(root, Linux.O_PATH | Linux.O_DIRECTORY, 0);
    try {
      return new PathHandle(
          Linux.openat2(
              directory,
              RootedPath.relative(path),
              followLast ? Linux.O_PATH : HELD,
              0,
              Linux.RESOLVE_BENEATH | Linux.RESOLVE_NO_MAGICLINKS));
    } finally {
      Linux.close(directory);
    }
  }

  private static FileInputStream regular(int held, String shown) throws IOException {
    try {
      requireRegular(held, shown);
      return new FileInputStream(again(held));
    } finally {
      Linux.close(held);
    }
  }

  static void requireRegular(int held, String shown) throws IOException {
    Stat stat = Linux.fstat(held);
    if (!stat.isRegular()) {
      throw new NotRegularFileException(shown, stat);
    }
  }

  /** A path by which the very file is opened that the descriptor holds. */
  static String again(int held) {
    return "/proc/self/fd/" + held;
  }

  /** Opens a regular file that is there and empties it. */
  public static OutputFile overwrite(Path file) throws IOException {
    return OutputFile.reopen(held(file), file, Linux.O_TRUNC);
  }

  /** Makes a file that only its owner can read; fails where anything, even a link, has its name. */
  public static FileChannel create(Path file) throws IOException {
    return FileChannel.open(
        FileNames.raw(file),
        Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
  }

  /** Copies the content of a regular file into a new one. */
  public static void copy(Path from, Path to) throws IOException {
    try (FileInputStream opened = read(from);
        FileChannel in = opened.getChannel();
        FileChannel out = create(to)) {
      long size = in.size();
      for (long at = 0; at < size; ) {
        long copied = in.transferTo(at, size - at, out);
        if (copied <= 0) {
          break;
        }
        at += copied;
      }
    }
  }

  /** Whether two regular files hold the same bytes. */
  public static boolean sameContent(Path a, Path b) throws IOException {
    try (FileInputStream x = read(a);
        FileInputStream y = read(b)) {
      byte[] left = new byte[BUFFER];
      byte[] right = new byte[BUFFER];
      while (true) {
        int n = x.readNBytes(left, 0, BUFFER);
        int m = y.readNBytes(right, 0, BUFFER);
        if (n != m || !Arrays.equals(left, 0, n, right, 0, m)) {
          return false;
        }
        if (n < BUFFER) {
          return true;
        }
      }
    }
  }

  /** What is in a directory that a path without links names, in the order of the directory. */
  public static List<Path> list(Path directory) throws IOException {
    return FileNames.list(directory, NO_LINKS);
  }
}
