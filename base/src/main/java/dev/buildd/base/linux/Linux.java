package dev.buildd.base.linux;

import java.io.IOException;
import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * System calls through the foreign function interface. Every method blocks its thread for as long
 * as the kernel takes: call what may block long on {@code Threads.nativeCalls()}.
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

  private static final long SYS_OPENAT2 = 437;
  private static final long SYS_PIDFD_OPEN = 434;

  private static final Linker LINKER = Linker.nativeLinker();
  private static final StructLayout CAPTURE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO =
      CAPTURE.varHandle(MemoryLayout.PathElement.groupElement("errno"));

  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
  private static final AddressLayout PTR = ValueLayout.ADDRESS;

  private static final MethodHandle MOUNT = handle("mount", INT, PTR, PTR, PTR, LONG, PTR);
  private static final MethodHandle UMOUNT2 = handle("umount2", INT, PTR, INT);
  private static final MethodHandle LGETXATTR = handle("lgetxattr", LONG, PTR, PTR, PTR, LONG);
  private static final MethodHandle LSETXATTR = handle("lsetxattr", INT, PTR, PTR, PTR, LONG, INT);
  private static final MethodHandle LLISTXATTR = handle("llistxattr", LONG, PTR, PTR, LONG);
  private static final MethodHandle LREMOVEXATTR = handle("lremovexattr", INT, PTR, PTR);
  private static final MethodHandle FSTATAT = handle("fstatat", INT, INT, PTR, PTR, INT);
  private static final MethodHandle MKNOD = handle("mknod", INT, PTR, INT, LONG);
  private static final MethodHandle MKDIR = handle("mkdir", INT, PTR, INT);
  private static final MethodHandle LINKAT = handle("linkat", INT, INT, PTR, INT, PTR, INT);
  private static final MethodHandle SYMLINK = handle("symlink", INT, PTR, PTR);
  private static final MethodHandle READLINK = handle("readlink", LONG, PTR, PTR, LONG);
  private static final MethodHandle UNLINKAT = handle("unlinkat", INT, INT, PTR, INT);
  private static final MethodHandle FCHOWNAT = handle("fchownat", INT, INT, PTR, INT, INT, INT);
  private static final MethodHandle CHMOD = handle("chmod", INT, PTR, INT);
  private static final MethodHandle TRUNCATE = handle("truncate", INT, PTR, LONG);
  private static final MethodHandle UTIMENSAT = handle("utimensat", INT, INT, PTR, PTR, INT);
  private static final MethodHandle RENAMEAT2 = handle("renameat2", INT, INT, PTR, INT, PTR, INT);
  private static final MethodHandle SYSCALL4 =
      handle("syscall", LONG, LONG, LONG, LONG, LONG, LONG);
  private static final MethodHandle CLOSE = handle("close", INT, INT);
  private static final MethodHandle KILL = handle("kill", INT, INT, INT);
  private static final MethodHandle STATFS = handle("statfs", INT, PTR, PTR);
  private static final MethodHandle FLOCK = handle("flock", INT, INT, INT);
  private static final MethodHandle OPEN = variadic("open", 2, INT, PTR, INT, INT);
  private static final MethodHandle WRITE = handle("write", LONG, INT, PTR, LONG);
  private static final MethodHandle FCHOWN = handle("fchown", INT, INT, INT, INT);
  private static final MethodHandle FCHMOD = handle("fchmod", INT, INT, INT);
  private static final MethodHandle FUTIMENS = handle("futimens", INT, INT, PTR);
  private static final MethodHandle UMASK = handle("umask", INT, INT);
  private static final MethodHandle SYNCFS = handle("syncfs", INT, INT);
  private static final MethodHandle FALLOCATE = handle("fallocate", INT, INT, INT, LONG, LONG);

  private static final ThreadLocal<Scratch> SCRATCH = ThreadLocal.withInitial(Scratch::new);

  private Linux() {}

  /** Memory for one call at a time; a platform or virtual thread has its own. */
  private static final class Scratch {
    final Arena arena = Arena.ofAuto();
    final MemorySegment capture = arena.allocate(CAPTURE);
    final MemorySegment stat = arena.allocate(256, 8);
    final MemorySegment times = arena.allocate(32, 8);
    MemorySegment first = arena.allocate(4096, 8);
    MemorySegment second = arena.allocate(4096, 8);

    int errno() {
      return (int) ERRNO.get(capture, 0L);
    }

    MemorySegment first(int size) {
      if (first.byteSize() < size) {
        first = arena.allocate(size, 8);
      }
      return first;
    }

    MemorySegment first(byte[] text) {
      if (first.byteSize() <= text.length) {
        first = arena.allocate(text.length + 1024L, 8);
      }
      return put(first, text);
    }

    MemorySegment second(byte[] text) {
      if (second.byteSize() <= text.length) {
        second = arena.allocate(text.length + 1024L, 8);
      }
      return put(second, text);
    }

    private static MemorySegment put(MemorySegment to, byte[] text) {
      MemorySegment.copy(text, 0, to, ValueLayout.JAVA_BYTE, 0, text.length);
      to.set(ValueLayout.JAVA_BYTE, text.length, (byte) 0);
      return to;
    }
  }

  private static MethodHandle handle(String name, MemoryLayout result, MemoryLayout... args) {
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(name),
        FunctionDescriptor.of(result, args),
        Linker.Option.captureCallState("errno"));
  }

  private static MethodHandle variadic(
      String name, int fixed, MemoryLayout result, MemoryLayout... args) {
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(name),
        FunctionDescriptor.of(result, args),
        Linker.Option.captureCallState("errno"),
        Linker.Option.firstVariadicArg(fixed));
  }

  private interface Call {
    long invoke(Scratch s) throws Throwable;
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
    try {
      while (true) {
        long result = body.invoke(s);
        if (result >= 0 || s.errno() != Errno.EINTR) {
          return result;
        }
      }
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  private static byte[] name(Path path) {
    return FileNames.bytes(path.toString());
  }

  private static byte[] text(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** Mounts; {@code data} is at most a page long. */
  public static void mount(String source, Path target, String type, long flags, String data)
      throws LinuxException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment options = data.isEmpty() ? MemorySegment.NULL : arena.allocateFrom(data);
      MemorySegment kind = type.isEmpty() ? MemorySegment.NULL : arena.allocateFrom(type);
      call(
          "mount " + (type.isEmpty() ? source : type) + " on",
          target,
          s ->
              (int)
                  MOUNT.invokeExact(
                      s.capture,
                      s.first(FileNames.bytes(source)),
                      s.second(name(target)),
                      kind,
                      flags,
                      options));
    }
  }

  public static void umount(Path target, int flags) throws LinuxException {
    call("umount", target, s -> (int) UMOUNT2.invokeExact(s.capture, s.first(name(target)), flags));
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
                    FSTATAT.invokeExact(
                        x.capture, AT_FDCWD, x.first(name(path)), x.stat, AT_SYMLINK_NOFOLLOW));
    if (r < 0) {
      int errno = s.errno();
      if (errno == Errno.ENOENT || errno == Errno.ENOTDIR) {
        return null;
      }
      throw new LinuxException("lstat", path.toString(), errno);
    }
    return decode(s.stat);
  }

  private static Stat statAt(int dir, Path path, int flags) throws LinuxException {
    call(
        "lstat",
        path,
        s -> (int) FSTATAT.invokeExact(s.capture, dir, s.first(name(path)), s.stat, flags));
    return decode(SCRATCH.get().stat);
  }

  /** Tells of an open file. */
  public static Stat fstat(int fd) throws LinuxException {
    call(
        "fstat",
        fd,
        s -> (int) FSTATAT.invokeExact(s.capture, fd, s.first(new byte[0]), s.stat, AT_EMPTY_PATH));
    return decode(SCRATCH.get().stat);
  }

  private static Stat decode(MemorySegment b) {
    boolean arm = System.getProperty("os.arch", "").equals("aarch64");
    long dev = b.get(LONG, 0);
    long ino = b.get(LONG, 8);
    long nlink;
    int mode;
    int uid;
    int gid;
    long rdev;
    long size;
    long blocks;
    if (arm) { // asm-generic: mode and nlink are ints here
      mode = b.get(INT, 16);
      nlink = b.get(INT, 20);
      uid = b.get(INT, 24);
      gid = b.get(INT, 28);
      rdev = b.get(LONG, 32);
      size = b.get(LONG, 48);
      blocks = b.get(LONG, 64);
    } else {
      nlink = b.get(LONG, 16);
      mode = b.get(INT, 24);
      uid = b.get(INT, 28);
      gid = b.get(INT, 32);
      rdev = b.get(LONG, 40);
      size = b.get(LONG, 48);
      blocks = b.get(LONG, 64);
    }
    return new Stat(
        dev, ino, mode, nlink, uid, gid, rdev, size, blocks, nanos(b, 88), nanos(b, 104));
  }

  private static long nanos(MemorySegment b, long at) {
    return b.get(LONG, at) * 1_000_000_000L + b.get(LONG, at + 8);
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
            x ->
                (long)
                    LLISTXATTR.invokeExact(
                        x.capture, x.first(name(path)), x.second, x.second.byteSize()));
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
      long want =
          call(
              "llistxattr",
              path,
              x ->
                  (long)
                      LLISTXATTR.invokeExact(
                          x.capture, x.first(name(path)), MemorySegment.NULL, 0L));
      s.second = s.arena.allocate(want + 1024, 8);
      n =
          call(
              "llistxattr",
              path,
              x ->
                  (long)
                      LLISTXATTR.invokeExact(
                          x.capture, x.first(name(path)), x.second, x.second.byteSize()));
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
                  (long)
                      LGETXATTR.invokeExact(
                          x.capture,
                          x.first(name(path)),
                          x.second(text(attribute)),
                          buffer,
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
                  LSETXATTR.invokeExact(
                      s.capture,
                      s.first(name(path)),
                      s.second(text(attribute)),
                      data,
                      (long) value.length,
                      0));
    }
  }

  public static void removexattr(Path path, String attribute) throws LinuxException {
    call(
        "lremovexattr " + attribute,
        path,
        s ->
            (int)
                LREMOVEXATTR.invokeExact(
                    s.capture, s.first(name(path)), s.second(text(attribute))));
  }

  /** Makes a device, FIFO, socket or file; {@code mode} carries the type. */
  public static void mknod(Path path, int mode, long device) throws LinuxException {
    call("mknod", path, s -> (int) MKNOD.invokeExact(s.capture, s.first(name(path)), mode, device));
  }

  public static void mkdir(Path path, int mode) throws LinuxException {
    call("mkdir", path, s -> (int) MKDIR.invokeExact(s.capture, s.first(name(path)), mode));
  }

  /** A second name for the file itself: a symlink is linked, not followed. */
  public static void link(Path existing, Path added) throws LinuxException {
    call(
        "link",
        added,
        s ->
            (int)
                LINKAT.invokeExact(
                    s.capture,
                    AT_FDCWD,
                    s.first(name(existing)),
                    AT_FDCWD,
                    s.second(name(added)),
                    0));
  }

  public static void symlink(String target, Path path) throws LinuxException {
    call(
        "symlink",
        path,
        s ->
            (int)
                SYMLINK.invokeExact(
                    s.capture, s.first(FileNames.bytes(target)), s.second(name(path))));
  }

  public static String readlink(Path path) throws LinuxException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(8192);
      long n =
          call(
              "readlink",
              path,
              s ->
                  (long)
                      READLINK.invokeExact(
                          s.capture, s.first(name(path)), buffer, buffer.byteSize()));
      return FileNames.text(buffer.asSlice(0, n).toArray(ValueLayout.JAVA_BYTE));
    }
  }

  public static void unlink(Path path) throws LinuxException {
    call(
        "unlink",
        path,
        s -> (int) UNLINKAT.invokeExact(s.capture, AT_FDCWD, s.first(name(path)), 0));
  }

  public static void rmdir(Path path) throws LinuxException {
    call(
        "rmdir",
        path,
        s -> (int) UNLINKAT.invokeExact(s.capture, AT_FDCWD, s.first(name(path)), AT_REMOVEDIR));
  }

  public static void lchown(Path path, int uid, int gid) throws LinuxException {
    call(
        "lchown",
        path,
        s ->
            (int)
                FCHOWNAT.invokeExact(
                    s.capture, AT_FDCWD, s.first(name(path)), uid, gid, AT_SYMLINK_NOFOLLOW));
  }

  /** Follows symlinks: never give it one. */
  public static void chmod(Path path, int mode) throws LinuxException {
    call("chmod", path, s -> (int) CHMOD.invokeExact(s.capture, s.first(name(path)), mode & 07777));
  }

  /** Sets the mask that the whole process makes files with; returns the one it had. */
  public static int umask(int mask) throws LinuxException {
    return (int) call("umask", mask, s -> (int) UMASK.invokeExact(s.capture, mask));
  }

  /** Makes a file that long; what is added is a hole. Follows symlinks: never give it one. */
  public static void truncate(Path path, long size) throws LinuxException {
    call("truncate", path, s -> (int) TRUNCATE.invokeExact(s.capture, s.first(name(path)), size));
  }

  /** Sets the times of the file itself, in nanoseconds since the epoch or {@link #UTIME_OMIT}. */
  public static void utimensat(Path path, long atimeNanos, long mtimeNanos) throws LinuxException {
    call(
        "utimensat",
        path,
        s ->
            (int)
                UTIMENSAT.invokeExact(
                    s.capture,
                    AT_FDCWD,
                    s.first(name(path)),
                    times(s, atimeNanos, mtimeNanos),
                    AT_SYMLINK_NOFOLLOW));
  }

  private static MemorySegment times(Scratch s, long atimeNanos, long mtimeNanos) {
    putTime(s.times, 0, atimeNanos);
    putTime(s.times, 16, mtimeNanos);
    return s.times;
  }

  private static void putTime(MemorySegment to, long at, long nanos) {
    if (nanos == UTIME_OMIT) {
      to.set(LONG, at, 0);
      to.set(LONG, at + 8, (1L << 30) - 2);
    } else {
      to.set(LONG, at, Math.floorDiv(nanos, 1_000_000_000L));
      to.set(LONG, at + 8, Math.floorMod(nanos, 1_000_000_000L));
    }
  }

  public static void rename(Path from, Path to, int flags) throws LinuxException {
    call(
        "rename",
        from,
        s ->
            (int)
                RENAMEAT2.invokeExact(
                    s.capture, AT_FDCWD, s.first(name(from)), AT_FDCWD, s.second(name(to)), flags));
  }

  /** Opens a file; close it with {@link #close}. */
  public static int open(Path path, int flags, int mode) throws LinuxException {
    return (int)
        call(
            "open",
            path,
            s -> (int) OPEN.invokeExact(s.capture, s.first(name(path)), flags | O_CLOEXEC, mode));
  }

  /**
   * Opens a path below a directory under the rules of {@code openat2(2)}: with {@link
   * #RESOLVE_IN_ROOT} no link, however written, leads out of it.
   */
  public static int openat2(int directory, String path, int flags, int mode, long resolve)
      throws LinuxException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment how = arena.allocate(24, 8);
      how.set(LONG, 0, Integer.toUnsignedLong(flags | O_CLOEXEC));
      how.set(LONG, 8, (flags & O_CREAT) != 0 ? mode : 0);
      how.set(LONG, 16, resolve);
      return (int)
          call(
              "openat2",
              path,
              s ->
                  (long)
                      SYSCALL4.invokeExact(
                          s.capture,
                          SYS_OPENAT2,
                          (long) directory,
                          s.first(FileNames.bytes(path)).address(),
                          how.address(),
                          24L));
    }
  }

  /** A descriptor of a process, which becomes readable at its end. */
  public static int pidfdOpen(int pid) throws LinuxException {
    return (int)
        call(
            "pidfd_open",
            pid,
            s -> (long) SYSCALL4.invokeExact(s.capture, SYS_PIDFD_OPEN, (long) pid, 0L, 0L, 0L));
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
                MemorySegment memory = s.first(length);
                MemorySegment.copy(from, 0, memory, 0, length);
                return (long) WRITE.invokeExact(s.capture, fd, memory, (long) length);
              });
      bytes.position(bytes.position() + (int) written);
    }
  }

  static void fchown(int fd, Path path, int uid, int gid) throws LinuxException {
    call("fchown", path, s -> (int) FCHOWN.invokeExact(s.capture, fd, uid, gid));
  }

  static void fchmod(int fd, Path path, int mode) throws LinuxException {
    call("fchmod", path, s -> (int) FCHMOD.invokeExact(s.capture, fd, mode & 07777));
  }

  static void futimens(int fd, Path path, long atimeNanos, long mtimeNanos) throws LinuxException {
    call(
        "futimens",
        path,
        s -> (int) FUTIMENS.invokeExact(s.capture, fd, times(s, atimeNanos, mtimeNanos)));
  }

  public static void close(int fd) throws LinuxException {
    call("close", fd, s -> (int) CLOSE.invokeExact(s.capture, fd));
  }

  public static void kill(int pid, int signal) throws LinuxException {
    call("kill", pid, s -> (int) KILL.invokeExact(s.capture, pid, signal));
  }

  /** Takes an exclusive lock on an open file without waiting; false where another has it. */
  public static boolean tryLock(int fd) throws LinuxException {
    Scratch s = SCRATCH.get();
    long r = raw(s, x -> (int) FLOCK.invokeExact(x.capture, fd, 2 | 4));
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
    call("syncfs", fd, s -> (int) SYNCFS.invokeExact(s.capture, fd));
  }

  /** Gives an open file space on its filesystem up to a size in bytes, without writing anything. */
  public static void fallocate(int fd, long size) throws LinuxException {
    call("fallocate", fd, s -> (int) FALLOCATE.invokeExact(s.capture, fd, 0, 0L, size));
  }

  /** The magic number of the filesystem that holds the path (statfs(2), {@code f_type}). */
  public static long filesystemType(Path path) throws LinuxException {
    call("statfs", path, s -> (int) STATFS.invokeExact(s.capture, s.first(name(path)), s.stat));
    return SCRATCH.get().stat.get(LONG, 0);
  }

  /** Makes a FIFO, mode 0600 or as given. */
  public static void mkfifo(Path path, int mode) throws IOException {
    mknod(path, Stat.S_IFIFO | mode, 0);
  }
}
