package dev.buildd.examples.soak;

import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.LinuxException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** The filesystem of the daemon's root, as it counts itself. Safe for use by many threads. */
final class Volume {
  private static final long SPARED = 1 << 20;

  private final Path mount;
  private final FileStore store;
  private final long empty;
  private long filled; // by ourselves; guarded by this

  Volume(Path mount) throws IOException {
    this.mount = mount;
    this.store = Files.getFileStore(mount);
    this.empty = allocated(store);
  }

  private static long allocated(FileStore store) throws IOException {
    return store.getTotalSpace() - store.getUnallocatedSpace();
  }

  long size() throws IOException {
    return store.getTotalSpace();
  }

  /** Bytes in use, without what the empty filesystem takes and what we have filled it with. */
  synchronized long used() throws IOException {
    return allocated(store) - empty - filled;
  }

  /** Takes all that is free; what is freed later can be taken by another call. */
  synchronized void fill() throws IOException {
    Path filler = mount.resolve("filler");
    int fd = Linux.open(filler, Linux.O_WRONLY | Linux.O_CREAT | Linux.O_CLOEXEC, 0600);
    try {
      long more = store.getUnallocatedSpace();
      while (more > SPARED / 16) {
        try {
          Linux.fallocate(fd, filled + more);
          filled += more;
          more = store.getUnallocatedSpace();
        } catch (LinuxException e) {
          more /= 2; // the tree of extents takes blocks too, and others write
        }
      }
    } finally {
      Linux.close(fd);
    }
    try (FileChannel rest =
        FileChannel.open(filler, StandardOpenOption.WRITE, StandardOpenOption.APPEND)) {
      ByteBuffer block = ByteBuffer.allocate(4096);
      for (int i = 0; i < SPARED / 4096; i++) {
        block.clear();
        rest.write(block);
      }
    } catch (IOException e) {
      // full, as it is to be
    }
    filled = Linux.stat(filler).blocks() * 512;
  }

  synchronized void empty() throws IOException {
    Files.deleteIfExists(mount.resolve("filler"));
    filled = 0;
  }
}
