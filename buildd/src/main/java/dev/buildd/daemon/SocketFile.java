package dev.buildd.daemon;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.Stat;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;

/** The place of a socket in the file system, and who may use it. */
final class SocketFile implements AutoCloseable {
  private static final int DIRECTORY_MODE = 0710;
  private static final int BIND_MASK = 0177;

  private final Path path;

  private SocketFile(Path path) {
    this.path = path;
  }

  /**
   * Makes a socket by a call that binds to the path. Its directory is made if need be; what a dead
   * daemon left is removed, but nothing other than a socket. At no moment may more users connect
   * than the mode says.
   */
  static SocketFile bind(Path path, int mode, int uid, int gid, Callable<?> bind) throws Exception {
    prepare(path, uid, gid);
    synchronized (SocketFile.class) { // the mask is the process's
      int before = Linux.umask(BIND_MASK);
      try {
        bind.call();
      } finally {
        Linux.umask(before);
      }
    }
    own(path, uid, gid);
    Linux.chmod(path, mode);
    return new SocketFile(path);
  }

  private static void prepare(Path path, int uid, int gid) throws IOException {
    Path parent = path.getParent();
    if (parent != null && !Files.isDirectory(parent)) {
      Path above = parent.getParent();
      if (above != null) {
        Files.createDirectories(above);
      }
      Linux.mkdir(parent, DIRECTORY_MODE);
      own(parent, uid, gid);
    }
    Stat stat = Linux.tryLstat(path);
    if (stat == null) {
      return;
    }
    if (stat.type() != Stat.S_IFSOCK) {
      throw new BuildException(Category.ALREADY_EXISTS, path + " exists and is not a socket");
    }
    Linux.unlink(path);
  }

  private static void own(Path path, int uid, int gid) throws IOException {
    Stat stat = Linux.lstat(path);
    if (stat.uid() != uid || stat.gid() != gid) {
      Linux.lchown(path, uid, gid);
    }
  }

  /** Removes it. */
  @Override
  public void close() throws IOException {
    Files.deleteIfExists(path);
  }
}
