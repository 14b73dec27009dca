package dev.buildd.base.linux;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/**
 * A regular file open for writing. What is written and set reaches this very file, whatever its
 * name leads to by then. For one thread at a time, which it blocks as {@link Linux} does.
 */
public final class OutputFile implements AutoCloseable {
  private static final int CLOSED = -1;

  private final Path path;
  private int descriptor;

  private OutputFile(Path path, int descriptor) {
    this.path = path;
    this.descriptor = descriptor;
  }

  /** Makes a file that only its owner can read; fails where anything has its name. */
  public static OutputFile create(Path path) throws LinuxException {
    int flags = Linux.O_CREAT | Linux.O_EXCL | Linux.O_WRONLY | Linux.O_NOFOLLOW;
    return new OutputFile(path, Linux.open(path, flags, 0600));
  }

  /** Opens a regular file that is there; its content is written over from the start. */
  public static OutputFile open(Path path) throws IOException {
    return reopen(Linux.open(path, Linux.O_PATH | Linux.O_NOFOLLOW, 0), path, 0);
  }

  /**
   * Opens the file that a descriptor of {@code O_PATH} holds, if it is a regular one; closes the
   * descriptor.
   */
  static OutputFile reopen(int held, Path path, int flags) throws IOException {
    try {
      TreeFiles.requireRegular(held, path.toString());
      Path again = Path.of(TreeFiles.again(held));
      return new OutputFile(path, Linux.open(again, Linux.O_WRONLY | flags, 0));
    } finally {
      Linux.close(held);
    }
  }

  /** Writes all that remains in the buffer after what was written before. */
  public void write(ByteBuffer bytes) throws LinuxException {
    Linux.write(descriptor, path, bytes);
  }

  public void setOwner(int uid, int gid) throws LinuxException {
    Linux.fchown(descriptor, path, uid, gid);
  }

  /**
   * @param mode permissions with the setuid, setgid and sticky bits, which a change of the owner
   *     clears
   */
  public void setPermissions(int mode) throws LinuxException {
    Linux.fchmod(descriptor, path, mode);
  }

  /** Sets the times, in nanoseconds since the epoch or {@link Linux#UTIME_OMIT}. */
  public void setTimes(long atimeNanos, long mtimeNanos) throws LinuxException {
    Linux.futimens(descriptor, path, atimeNanos, mtimeNanos);
  }

  /** Has no effect the second time. */
  @Override
  public void close() throws LinuxException {
    int open = descriptor;
    descriptor = CLOSED;
    if (open != CLOSED) {
      Linux.close(open);
    }
  }
}
