package dev.buildd.base.linux;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * System calls. Every method blocks its thread for as long as the kernel takes: call what may block
 * long on {@code Threads.nativeCalls()}.
 *
 * <p>Paths are text as {@link FileNames} makes it, so that any name read from a directory finds its
 * file again. Safe for use by many threads.
 */
public final class Linux {
  // mount(2)
  public static final long MS_RDONLY = 1;
  public static final long MS_NOSUID = 2;
  public static final long MS_NODEV = 4;
  public static final long MS_NOEXEC = 8;
  public static final long MS_REMOUNT = 32;
  public static final long MS_BIND = 4096;
  public static final long MS_REC = 16384;
  public static final long MS_PRIVATE = 1 << 18;
  public static final int MNT_DETACH = 2;
  public static final int UMOUNT_NOFOLLOW = 8;

  public static final int AT_FDCWD = -100;
  public static final int AT_SYMLINK_NOFOLLOW = 0x100;
  public static final int AT_REMOVEDIR = 0x200;
  public static final int AT_EMPTY_PATH = 0x1000;

  public static final int O_RDONLY = 0;
  public static final int O_WRONLY = 1;
  public static final int O_RDWR = 2;
  public static final int O_CREAT = 0100;
  public static final int O_EXCL = 0200;
  public static final int O_TRUNC = 01000;
  public static final int O_NOCTTY = 0400;
  public static final int O_NONBLOCK = 04000;
  public static final int O_DIRECTORY = 0200000;
  public static final int O_NOFOLLOW = 0400000;
  public static final int O_CLOEXEC = 02000000;
  public static final int O_PATH = 010000000;

  /** openat2: all components stay below the directory; absolute links are taken from it. */
  public static final long RESOLVE_IN_ROOT = 0x10;

  public static final long RESOLVE_BENEATH = 0x08;
  public static final long RESOLVE_NO_SYMLINKS = 0x04;
  public static final long RESOLVE_NO_MAGICLINKS = 0x02;

  public static final int RENAME_NOREPLACE = 1;
  public static final int RENAME_EXCHANGE = 2;

  /** Leaves a time as it is, in {@link #utimensat}. */
  public static final long UTIME_OMIT = Long.MIN_VALUE;

  private static final int CHUNK = 256 << 10;
  private static final int STATFS_FLAGS = 10; // which of the words of struct statfs
  private static final long ST_RDONLY = 1;
  private static final int MAX_GROUP = 16 << 20; // what its members' names may take

  private static final long SYS_OPENAT2 = 437;
  private static final long SYS_PIDFD_OPEN = 434;
  private static final long TIOCGWINSZ = 0x5413;
  private static final long TIOCSWINSZ = 0x5414;
  private static final long TIOCSPTLCK = 0x40045431L;
  private static final long TIOCGPTN = 0x80045430L;

  private static final LibC LIBC = LibC.create();

  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;

  private static final MemorySegment MOUNT = LIBC.function("mount");
  private static final MemorySegment UMOUNT2 = LIBC.function("umount2");
  private static final MemorySegment LGETXATTR = LIBC.function("lgetxattr");
  private static final MemorySegment LSETXATTR = LIBC.function("lsetxattr");
  private static final MemorySegment LLISTXATTR = LIBC.function("llistxattr");
  private static final MemorySegment LREMOVEXATTR = LIBC.function("lremovexattr");
  private static final MemorySegment FSTATAT = LIBC.function("fstatat");
  private static final MemorySegment MKNOD = LIBC.function("mknod");
  private static final MemorySegment MKDIR = LIBC.function("mkdir");
  private static final MemorySegment LINKAT = LIBC.function("linkat");
  private static final MemorySegment SYMLINK = LIBC.function("symlink");
  private static final MemorySegment READLINK = LIBC.function("readlink");
  private static final MemorySegment UNLINKAT = LIBC.function("unlinkat");
  private static final MemorySegment FCHOWNAT = LIBC.function("fchownat");
  private static final MemorySegment CHMOD = LIBC.function("chmod");
  private static final MemorySegment TRUNCATE = LIBC.function("truncate");
  private static final MemorySegment UTIMENSAT = LIBC.function("utimensat");
  private static final MemorySegment RENAMEAT2 = LIBC.function("renameat2");
  private static final MemorySegment SYSCALL = LIBC.function("syscall");
  private static final MemorySegment CLOSE = LIBC.function("close");
  private static final MemorySegment KILL = LIBC.function("kill");
  private static final MemorySegment STATFS = LIBC.function("statfs");
  private static final MemorySegment FLOCK = LIBC.function("flock");
  private static final MemorySegment OPEN = LIBC.function("open");
  private static final MemorySegment WRITE = LIBC.function("write");
  private static final MemorySegment FCHOWN = LIBC.function("fchown");
  private static final MemorySegment FCHMOD = LIBC.function("fchmod");
  private static final MemorySegment FUTIMENS = LIBC.function("futimens");
  private static final MemorySegment UMASK = LIBC.function("umask");
  private static final MemorySegment SYNCFS = LIBC.function("syncfs");
  private static final MemorySegment FALLOCATE = LIBC.function("fallocate");
  private static final MemorySegment IOCTL = LIBC.function("ioctl");

  private static final MemorySegment SOCKET = LIBC.function("socket");
  private static final MemorySegment CONNECT = LIBC.function("connect");
  private static final MemorySegment GETSOCKOPT = LIBC.function("getsockopt");
  private static final MemorySegment GETSOCKNAME = LIBC.function("getsockname");
  private static final MemorySegment DUP3 = LIBC.function("dup3");
  private static final MemorySegment GETGRNAM = LIBC.function("getgrnam_r");

  private static final byte[] ZERO = {0};

  private static final ThreadLocal<Scratch> SCRATCH = ThreadLocal.withInitial(Scratch::new);

  private Linux() {}

  /**
   * Memory for one call at a time; a platform or virtual thread has its own. It is written and read
   * by copying only: single values are reached through VarHandles, which a native executable lacks.
   */
  private static final class Scratch {
    final Arena arena = Arena.ofAuto();
    final MemorySegment errno = arena.allocate(8, 8);
    final MemorySegment words = arena.allocate(256, 8);
    MemorySegment first = arena.allocate(4096, 8);
    MemorySegment second = arena.allocate(4096, 8);

    /** Of the last call, where it failed. */
    int errno() {
      int[] out = new int[1];
      MemorySegment.copy(errno, INT, 0, out, 0, 1);
      return out[0];
    }

    /** Room for bytes. */
    MemorySegment room(int size) {
      if (first.byteSize() < size) {
        first = arena.allocate(size, 8);
      }
      return first;
    }

    /** The address of a copy of the text, with a zero after it, good for one call. */
    long first(byte[] text) {
      if (first.byteSize() <= text.length) {
        first = arena.allocate(text.length + 1024L, 8);
      }
      return put(first, text);
    }

    /** As {@link #first(byte[])}, for a call of two texts. */
    long second(byte[] text) {
      if (second.byteSize() <= text.length) {
        second = arena.allocate(text.length + 1024L, 8);
      }
      return put(second, text);
    }

    /** The address of a copy of a small structure. */
    long words(long... values) {
      MemorySegment.copy(values, 0, words, LONG, 0, values.length);
      return words.address();
    }

    private static long put(MemorySegment to, byte[] text) {
      MemorySegment.copy(text, 0, to, ValueLayout.JAVA_BYTE, 0, text.length);
      MemorySegment.copy(ZERO, 0, to, ValueLayout.JAVA_BYTE, text.length, 1);
      return to.address();
    }

    long call(MemorySegment function, long a) {
      return LIBC.call(function, errno, a, 0, 0, 0, 0);
    }

    long call(MemorySegment function, long a, long b) {
      return LIBC.call(function, errno, a, b, 0, 0, 0);
    }

    long call(MemorySegment function, long a, long b, long c) {
      return LIBC.call(function, errno, a, b, c, 0, 0);
    }

    long call(MemorySegment function, long a, long b, long c, long d) {
      return LIBC.call(function, errno, a, b, c, d, 0);
    }

    long call(MemorySegment function, long a, long b, long c, long d, long e) {
      return LIBC.call(function, errno, a, b, c, d, e);
    }
  }

  private interface Call {
    long invoke(Scratch s);
  }

  private static long call(String name, Object subject, Call body) throws LinuxException {
    Scratch s = SCRATCH.get();
    long result = raw(s, body);
    if (result < 0) {
      throw new LinuxException(name, subject.toString(), s.errno());
    }
    return result;
  }

  private static long raw(Scratch s, Call body) {
    while (true) {
      long result = body.invoke(s);
      if (result >= 0 || s.errno() != Errno.EINTR) {
        return result;
      }
    }
  }

  private static byte[] name(Path path) {
    return FileNames.bytes(path.toString());
  }

  private static byte[] text(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** The address of a text, null of an empty one. */
  private static long optional(String text, Arena arena) {
    byte[] bytes = text(text);
    return bytes.length == 0 ? 0 : Scratch.put(arena.allocate(bytes.length + 1L), bytes);
  }

  /** Mounts; {@code data} is at most a page long. */
  public static void mount(String source, Path target, String type, long flags, String data)
      throws LinuxException {
    try (Arena arena = Arena.ofConfined()) {
      long options = optional(data, arena);
      long kind = optional(type, arena);
      call(
          "mount " + (type.isEmpty() ? source : type) + " on",
          target,
          s ->
              (int)
                  s.call(
                      MOUNT,
                      s.first(FileNames.bytes(source)),
                      s.second(name(target)),
                      kind,
                      flags,
                      options));
    }
  }

  public static void umount(Path target, int flags) throws LinuxException {
    call("umount", target, s -> (int) s.call(UMOUNT2, s.first(name(target)), flags));
  }

  /** Tells of the file itself, not of what a link points to. */
  public static Stat lstat(Path path) throws LinuxException {
    return statAt(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
  }

  public static Stat stat(Path path) throws LinuxException {
    return statAt(AT_FDCWD, path, 0);
  }

  /** Whether anything, a dangling link included, has this path. */
  public static boolean exists(Path path) throws LinuxException {
    return tryLstat(path) != null;
  }

  /** As {@link #lstat}, but null where there is no such file. */
  public static @org.jspecify.annotations.Nullable Stat tryLstat(Path path) throws LinuxException {
    Scratch s = SCRATCH.get();
    long r =
        raw(
            s,
            x ->
                (int)
                    x.call(
                        FSTATAT,
                        AT_FDCWD,
                        x.first(name(path)),
                        x.words.address(),
                        AT_SYMLINK_NOFOLLOW));
    if (r < 0) {
      int errno = s.errno();
      if (errno == Errno.ENOENT || errno == Errno.ENOTDIR) {
        return null;
      }
      throw new LinuxException("lstat", path.toString(), errno);
    }
    return decode(words());
  }

  private static Stat statAt(int dir, Path path, int flags) throws LinuxException {
    call(
        "lstat",
        path,
        s -> (int) s.call(FSTATAT, dir, s.first(name(path)), s.words.address(), flags));
    return decode(words());
  }

  /** Tells of an open file. */
  public static Stat fstat(int fd) throws LinuxException {
    call(
        "fstat",
        fd,
        s -> (int) s.call(FSTATAT, fd, s.first(new byte[0]), s.words.address(), AT_EMPTY_PATH));
    return decode(words());
  }

  /** What the last call of this thread left in the room for a small structure. */
  private static long[] words() {
    long[] out = new long[16];
    MemorySegment.copy(SCRATCH.get().words, LONG, 0, out, 0, out.length);
    return out;
  }

  private static Stat decode(long[] b) {
    boolean arm = System.getProperty("os.arch", "").equals("aarch64");
    // asm-generic: mode and nlink are ints, before the owner; elsewhere nlink is a long
    long nlink = arm ? b[2] >>> 32 : b[2];
    int mode = (int) (arm ? b[2] : b[3]);
    int uid = (int) (arm ? b[3] : b[3] >>> 32);
    int gid = (int) (arm ? b[3] >>> 32 : b[4]);
    long rdev = arm ? b[4] : b[5];
    return new Stat(
        b[0], b[1], mode, nlink, uid, gid, rdev, b[6], b[8], nanos(b, 11), nanos(b, 13));
  }

  private static long nanos(long[] b, int at) {
    return b[at] * 1_000_000_000L + b[at + 1];
  }

  public static int major(long rdev) {
    return (int) (((rdev >>> 8) & 0xfff) | ((rdev >>> 32) & ~0xfffL));
  }

  public static int minor(long rdev) {
    return (int) ((rdev & 0xff) | ((rdev >>> 12) & ~0xffL));
  }

  public static long makeDevice(long major, long minor) {
    return (minor & 0xff)
        | ((major & 0xfff) << 8)
        | ((minor & ~0xffL) << 12)
        | ((major & ~0xfffL) << 32);
  }

  /** The extended attributes with their values, by name; none where the filesystem has none. */
  public static SortedMap<String, byte[]> xattrs(Path path) throws LinuxException {
    TreeMap<String, byte[]> out = new TreeMap<>();
    Scratch s = SCRATCH.get();
    long n =
        raw(
            s,
            x -> x.call(LLISTXATTR, x.first(name(path)), x.second.address(), x.second.byteSize()));
    if (n == 0) {
      return out;
    }
    if (n < 0) {
      int errno = s.errno();
      if (errno == Errno.EOPNOTSUPP) {
        return out;
      }
      if (errno != Errno.ERANGE) {
        throw new LinuxException("llistxattr", path.toString(), errno);
      }
      long want = call("llistxattr", path, x -> x.call(LLISTXATTR, x.first(name(path)), 0, 0));
      s.second = s.arena.allocate(want + 1024, 8);
      n =
          call(
              "llistxattr",
              path,
              x ->
                  x.call(LLISTXATTR, x.first(name(path)), x.second.address(), x.second.byteSize()));
    }
    List<String> names = new ArrayList<>();
    byte[] raw = s.second.asSlice(0, n).toArray(ValueLayout.JAVA_BYTE);
    int start = 0;
    for (int i = 0; i < raw.length; i++) {
      if (raw[i] == 0) {
        names.add(new String(raw, start, i - start, StandardCharsets.UTF_8));
        start = i + 1;
      }
    }
    for (String attribute : names) {
      byte[] value = getxattr(path, attribute);
      if (value != null) {
        out.put(attribute, value);
      }
    }
    return out;
  }

  /** The value of an extended attribute, or null where the file has no such. */
  public static byte @org.jspecify.annotations.Nullable [] getxattr(Path path, String attribute)
      throws LinuxException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(65536);
      Scratch s = SCRATCH.get();
      long n =
          raw(
              s,
              x ->
                  x.call(
                      LGETXATTR,
                      x.first(name(path)),
                      x.second(text(attribute)),
                      buffer.address(),
                      buffer.byteSize()));
      if (n < 0) {
        int errno = s.errno();
        if (errno == Errno.ENODATA || errno == Errno.EOPNOTSUPP) {
          return null;
        }
        throw new LinuxException("lgetxattr " + attribute, path.toString(), errno);
      }
      return buffer.asSlice(0, n).toArray(ValueLayout.JAVA_BYTE);
    }
  }

  public static void setxattr(Path path, String attribute, byte[] value) throws LinuxException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data =
          value.length == 0 ? MemorySegment.NULL : arena.allocateFrom(ValueLayout.JAVA_BYTE, value);
      call(
          "lsetxattr " + attribute,
          path,
          s ->
              (int)
                  s.call(
                      LSETXATTR,
                      s.first(name(path)),
                      s.second(text(attribute)),
                      data.address(),
                      value.length,
                      0));
    }
  }

  public static void removexattr(Path path, String attribute) throws LinuxException {
    call(
        "lremovexattr " + attribute,
        path,
        s -> (int) s.call(LREMOVEXATTR, s.first(name(path)), s.second(text(attribute))));
  }

  /** Makes a device, FIFO, socket or file; {@code mode} carries the type. */
  public static void mknod(Path path, int mode, long device) throws LinuxException {
    call("mknod", path, s -> (int) s.call(MKNOD, s.first(name(path)), mode, device));
  }

  public static void mkdir(Path path, int mode) throws LinuxException {
    call("mkdir", path, s -> (int) s.call(MKDIR, s.first(name(path)), mode));
  }

  /** A second name for the file itself: a symlink is linked, not followed. */
  public static void link(Path existing, Path added) throws LinuxException {
    call(
        "link",
        added,
        s ->
            (int)
                s.call(
                    LINKAT, AT_FDCWD, s.first(name(existing)), AT_FDCWD, s.second(name(added)), 0));
  }

  public static void symlink(String target, Path path) throws LinuxException {
    call(
        "symlink",
        path,
        s -> (int) s.call(SYMLINK, s.first(FileNames.bytes(target)), s.second(name(path))));
  }

  public static String readlink(Path path) throws LinuxException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(8192);
      long n =
          call(
              "readlink",
              path,
              s -> s.call(READLINK, s.first(name(path)), buffer.address(), buffer.byteSize()));
      return FileNames.text(buffer.asSlice(0, n).toArray(ValueLayout.JAVA_BYTE));
    }
  }

  public static void unlink(Path path) throws LinuxException {
    call("unlink", path, s -> (int) s.call(UNLINKAT, AT_FDCWD, s.first(name(path)), 0));
  }

  public static void rmdir(Path path) throws LinuxException {
    call("rmdir", path, s -> (int) s.call(UNLINKAT, AT_FDCWD, s.first(name(path)), AT_REMOVEDIR));
  }

  public static void lchown(Path path, int uid, int gid) throws LinuxException {
    call(
        "lchown",
        path,
        s -> (int) s.call(FCHOWNAT, AT_FDCWD, s.first(name(path)), uid, gid, AT_SYMLINK_NOFOLLOW));
  }

  /** Follows symlinks: never give it one. */
  public static void chmod(Path path, int mode) throws LinuxException {
    call("chmod", path, s -> (int) s.call(CHMOD, s.first(name(path)), mode & 07777));
  }

  /** Sets the mask that the whole process makes files with; returns the one it had. */
  public static int umask(int mask) throws LinuxException {
    return (int) call("umask", mask, s -> (int) s.call(UMASK, mask));
  }

  /** Makes a file that long; what is added is a hole. Follows symlinks: never give it one. */
  public static void truncate(Path path, long size) throws LinuxException {
    call("truncate", path, s -> (int) s.call(TRUNCATE, s.first(name(path)), size));
  }

  /** Sets the times of the file itself, in nanoseconds since the epoch or {@link #UTIME_OMIT}. */
  public static void utimensat(Path path, long atimeNanos, long mtimeNanos) throws LinuxException {
    call(
        "utimensat",
        path,
        s ->
            (int)
                s.call(
                    UTIMENSAT,
                    AT_FDCWD,
                    s.first(name(path)),
                    s.words(times(atimeNanos, mtimeNanos)),
                    AT_SYMLINK_NOFOLLOW));
  }

  private static long[] times(long atimeNanos, long mtimeNanos) {
    long[] times = new long[4];
    putTime(times, 0, atimeNanos);
    putTime(times, 2, mtimeNanos);
    return times;
  }

  private static void putTime(long[] to, int at, long nanos) {
    if (nanos == UTIME_OMIT) {
      to[at + 1] = (1L << 30) - 2;
    } else {
      to[at] = Math.floorDiv(nanos, 1_000_000_000L);
      to[at + 1] = Math.floorMod(nanos, 1_000_000_000L);
    }
  }

  public static void rename(Path from, Path to, int flags) throws LinuxException {
    call(
        "rename",
        from,
        s ->
            (int)
                s.call(
                    RENAMEAT2, AT_FDCWD, s.first(name(from)), AT_FDCWD, s.second(name(to)), flags));
  }

  /** Opens a file; close it with {@link #close}. */
  public static int open(Path path, int flags, int mode) throws LinuxException {
    return (int)
        call("open", path, s -> (int) s.call(OPEN, s.first(name(path)), flags | O_CLOEXEC, mode));
  }

  /**
   * Opens a path below a directory under the rules of {@code openat2(2)}: with {@link
   * #RESOLVE_IN_ROOT} no link, however written, leads out of it.
   */
  public static int openat2(int directory, String path, int flags, int mode, long resolve)
      throws LinuxException {
    long opening = Integer.toUnsignedLong(flags | O_CLOEXEC);
    long made = (flags & O_CREAT) != 0 ? mode : 0;
    return (int)
        call(
            "openat2",
            path,
            s ->
                s.call(
                    SYSCALL,
                    SYS_OPENAT2,
                    directory,
                    s.first(FileNames.bytes(path)),
                    s.words(opening, made, resolve),
                    24));
  }

  /** A descriptor of a process, which becomes readable at its end. */
  public static int pidfdOpen(int pid) throws LinuxException {
    return (int) call("pidfd_open", pid, s -> s.call(SYSCALL, SYS_PIDFD_OPEN, pid, 0, 0, 0));
  }

  static void write(int fd, Path path, ByteBuffer bytes) throws LinuxException {
    while (bytes.hasRemaining()) {
      int length = Math.min(bytes.remaining(), CHUNK);
      MemorySegment from = MemorySegment.ofBuffer(bytes).asSlice(0, length);
      long written =
          call(
              "write",
              path,
              s -> {
                MemorySegment memory = s.room(length);
                MemorySegment.copy(from, 0, memory, 0, length);
                return s.call(WRITE, fd, memory.address(), length);
              });
      bytes.position(bytes.position() + (int) written);
    }
  }

  static void fchown(int fd, Path path, int uid, int gid) throws LinuxException {
    call("fchown", path, s -> (int) s.call(FCHOWN, fd, uid, gid));
  }

  static void fchmod(int fd, Path path, int mode) throws LinuxException {
    call("fchmod", path, s -> (int) s.call(FCHMOD, fd, mode & 07777));
  }

  static void futimens(int fd, Path path, long atimeNanos, long mtimeNanos) throws LinuxException {
    call("futimens", path, s -> (int) s.call(FUTIMENS, fd, s.words(times(atimeNanos, mtimeNanos))));
  }

  /**
   * The descriptor is gone whatever comes of it, a signal in between as well (close(2)): tried
   * again, it could be another's.
   */
  public static void close(int fd) throws LinuxException {
    Scratch s = SCRATCH.get();
    if ((int) s.call(CLOSE, fd) < 0 && s.errno() != Errno.EINTR) {
      throw new LinuxException("close", Integer.toString(fd), s.errno());
    }
  }

  public static void kill(int pid, int signal) throws LinuxException {
    call("kill", pid, s -> (int) s.call(KILL, pid, signal));
  }

  /** Takes an exclusive lock on an open file without waiting; false where another has it. */
  public static boolean tryLock(int fd) throws LinuxException {
    Scratch s = SCRATCH.get();
    long r = raw(s, x -> (int) x.call(FLOCK, fd, 2 | 4));
    if (r < 0 && s.errno() == Errno.EAGAIN) {
      return false;
    }
    if (r < 0) {
      throw new LinuxException("flock", "", s.errno());
    }
    return true;
  }

  /** Writes a filesystem's dirty pages to its disk. */
  public static void syncfs(int fd) throws LinuxException {
    call("syncfs", fd, s -> (int) s.call(SYNCFS, fd));
  }

  /** Gives an open file space on its filesystem up to a size in bytes, without writing anything. */
  public static void fallocate(int fd, long size) throws LinuxException {
    call("fallocate", fd, s -> (int) s.call(FALLOCATE, fd, 0, 0, size));
  }

  /**
   * How large a terminal is, in characters.
   *
   * @param rows 0 if it does not know
   * @param columns 0 if it does not know
   */
  public record WindowSize(int rows, int columns) {}

  /** The size of the terminal that a descriptor leads to; an error where it is none. */
  public static WindowSize windowSize(int fd) throws LinuxException {
    call("ioctl", fd, s -> (int) s.call(IOCTL, fd, TIOCGWINSZ, s.words.address()));
    long size = words()[0];
    return new WindowSize((int) (size & 0xffff), (int) (size >>> 16 & 0xffff));
  }

  /** Tells a terminal its size, and thereby the programs in its foreground. */
  public static void setWindowSize(int fd, WindowSize size) throws LinuxException {
    long packed = (size.rows() & 0xffffL) | (size.columns() & 0xffffL) << 16;
    call("ioctl", fd, s -> (int) s.call(IOCTL, fd, TIOCSWINSZ, s.words(packed)));
  }

  /** Opens the master's end of a new pseudoterminal; close it with {@link #close}. */
  public static int openPseudoterminal() throws LinuxException {
    return open(Path.of("/dev/ptmx"), O_RDWR | O_NOCTTY, 0);
  }

  /** Lets the other end of a pseudoterminal be opened, and tells its path. */
  public static Path otherEnd(int pseudoterminal) throws LinuxException {
    call("ioctl", pseudoterminal, s -> (int) s.call(IOCTL, pseudoterminal, TIOCSPTLCK, s.words(0)));
    call(
        "ioctl",
        pseudoterminal,
        s -> (int) s.call(IOCTL, pseudoterminal, TIOCGPTN, s.words.address()));
    return Path.of("/dev/pts/" + (words()[0] & 0xffffffffL));
  }

  // --- sockets ---

  public static final int AF_UNIX = 1;
  public static final int AF_INET = 2;
  public static final int AF_INET6 = 10;
  public static final int SOCK_STREAM = 1;

  private static final int SOCK_DGRAM = 2;
  private static final int SOL_SOCKET = 1;
  private static final int SO_TYPE = 3;
  private static final int SO_ACCEPTCONN = 30;
  private static final int SO_DOMAIN = 39;
  private static final int MAX_UNIX_PATH = 108;

  /**
   * What a descriptor is that leads to a socket.
   *
   * @param family one of the {@code AF_} constants
   * @param type {@link #SOCK_STREAM} or another
   * @param isListening whether connections can be accepted from it
   */
  public record SocketKind(int family, int type, boolean isListening) {}

  /** An error of {@code ENOTSOCK} where the descriptor leads to no socket. */
  public static SocketKind socketKind(int fd) throws LinuxException {
    return new SocketKind(
        socketOption(fd, SO_DOMAIN),
        socketOption(fd, SO_TYPE),
        socketOption(fd, SO_ACCEPTCONN) != 0);
  }

  private static int socketOption(int fd, int option) throws LinuxException {
    call(
        "getsockopt",
        fd,
        s -> {
          long value = s.words(0, Integer.BYTES);
          return (int) s.call(GETSOCKOPT, fd, SOL_SOCKET, option, value, value + Long.BYTES);
        });
    return (int) words()[0];
  }

  /** The address that a socket has, as the kernel writes it: {@code struct sockaddr}. */
  public static byte[] socketName(int fd) throws LinuxException {
    int room = 128; // sockaddr_storage
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocate(room, 8);
      call("getsockname", fd, s -> (int) s.call(GETSOCKNAME, fd, name.address(), s.words(room)));
      int length = (int) words()[0];
      return name.asSlice(0, Math.min(length, room)).toArray(ValueLayout.JAVA_BYTE);
    }
  }

  /** Makes {@code to} lead to where {@code from} leads; programs that are started do not get it. */
  public static void duplicate(int from, int to) throws LinuxException {
    call("dup3", from, s -> (int) s.call(DUP3, from, to, O_CLOEXEC));
  }

  /**
   * Sends a datagram to a unix socket.
   *
   * @param address a path, or {@code @} and a name of the abstract namespace
   */
  public static void sendDatagram(String address, byte[] data) throws LinuxException {
    byte[] name = FileNames.bytes(address);
    if (name.length >= MAX_UNIX_PATH) {
      throw new LinuxException("connect", address, Errno.ENAMETOOLONG);
    }
    byte[] sockaddr = new byte[2 + name.length];
    sockaddr[0] = AF_UNIX; // both machines that are known are little-endian
    System.arraycopy(name, 0, sockaddr, 2, name.length);
    if (address.startsWith("@")) {
      sockaddr[2] = 0;
    }
    int fd =
        (int)
            call("socket", address, s -> (int) s.call(SOCKET, AF_UNIX, SOCK_DGRAM | O_CLOEXEC, 0));
    try {
      call("connect", address, s -> (int) s.call(CONNECT, fd, s.first(sockaddr), sockaddr.length));
      write(fd, Path.of("notification"), ByteBuffer.wrap(data));
    } finally {
      close(fd);
    }
  }

  /** The number of a group of the host (getgrnam_r(3)); empty if none has the name. */
  static OptionalInt groupId(String name) throws LinuxException {
    for (long room = 4096; ; room *= 4) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment group = arena.allocate(32, 8); // two addresses, then the number
        MemorySegment found = arena.allocate(8, 8);
        long texts = arena.allocate(room, 8).address();
        Scratch s = SCRATCH.get();
        int error =
            (int)
                s.call(
                    GETGRNAM, s.first(text(name)), group.address(), texts, room, found.address());
        long[] out = new long[3];
        if (error == Errno.ERANGE && room < MAX_GROUP) {
          continue; // a group of many members
        }
        MemorySegment.copy(found, LONG, 0, out, 0, 1);
        if (out[0] == 0) {
          if (error == 0 || error == Errno.ENOENT || error == Errno.ESRCH) {
            return OptionalInt.empty();
          }
          throw new LinuxException("getgrnam_r", name, error);
        }
        MemorySegment.copy(group, LONG, 0, out, 0, out.length);
        return OptionalInt.of((int) out[2]);
      }
    }
  }

  /** The magic number of the filesystem that holds the path (statfs(2), {@code f_type}). */
  public static long filesystemType(Path path) throws LinuxException {
    return statfs(path)[0];
  }

  /** Whether the filesystem that holds the path is read-only (statfs(2), {@code f_flags}). */
  public static boolean isReadOnlyFilesystem(Path path) throws LinuxException {
    return (statfs(path)[STATFS_FLAGS] & ST_RDONLY) != 0;
  }

  /**
   * Undoes a mount that was to be writable, if it is not: the kernel mounts an overlay read-only
   * whose working directory it cannot make, as on a full disk.
   *
   * @throws LinuxException if it was undone; ENOSPC
   */
  public static void requireWritable(Path mounted) throws LinuxException {
    if (isReadOnlyFilesystem(mounted)) {
      umount(mounted, MNT_DETACH);
      throw new LinuxException("mount", mounted.toString(), Errno.ENOSPC);
    }
  }

  private static long[] statfs(Path path) throws LinuxException {
    call("statfs", path, s -> (int) s.call(STATFS, s.first(name(path)), s.words.address()));
    return words();
  }

  /** Makes a FIFO, mode 0600 or as given. */
  public static void mkfifo(Path path, int mode) throws IOException {
    mknod(path, Stat.S_IFIFO | mode, 0);
  }
}
