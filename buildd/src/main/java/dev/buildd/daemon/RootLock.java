package dev.buildd.daemon;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.Linux;
import java.io.IOException;
import java.nio.file.Path;

/** Keeps a second daemon off the same root. Gone with the process, however that ends. */
final class RootLock implements AutoCloseable {
  /** The file that every root in use has. */
  static final String NAME = "buildkitd.lock";

  private final int fd;

  private RootLock(int fd) {
    this.fd = fd;
  }

  static RootLock acquire(Path root) throws IOException {
    Path file = root.resolve(NAME);
    int fd = Linux.open(file, Linux.O_RDWR | Linux.O_CREAT | Linux.O_CLOEXEC, 0600);
    if (!Linux.tryLock(fd)) {
      Linux.close(fd);
      throw new BuildException(
          Category.FAILED_PRECONDITION, "could not lock " + file + ", another instance running?");
    }
    return new RootLock(fd);
  }

  @Override
  public void close() throws IOException {
    Linux.close(fd);
  }
}
