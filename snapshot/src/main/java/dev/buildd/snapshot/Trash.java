package dev.buildd.snapshot;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.linux.Errno;
import dev.buildd.base.linux.FileTree;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.LinuxException;
import dev.buildd.base.linux.TreeFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A directory whose content is being deleted. What is thrown into it is gone from its old place at
 * once, as a whole; one thread frees the space. What is left at a close goes after the next start.
 */
final class Trash implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Trash.class);
  private static final Path END = Path.of("");

  private final Path directory;
  private final AtomicLong next = new AtomicLong();
  private final LinkedBlockingQueue<Path> queue = new LinkedBlockingQueue<>();
  private final Object lock = new Object();
  private long pending; // guarded by lock
  private volatile boolean closed;
  private final Thread thread;

  Trash(Path directory) throws IOException {
    this.directory = Files.createDirectories(directory);
    for (Path left : TreeFiles.list(directory)) {
      try {
        next.accumulateAndGet(Long.parseLong(left.getFileName().toString()), Math::max);
      } catch (NumberFormatException e) {
        // deleted as well
      }
      enqueue(left);
    }
    this.thread = Threads.startPlatform("snapshot-trash", this::run);
  }

  /** Moves a file or directory of the same filesystem away. */
  void add(Path path) throws IOException {
    Path away = directory.resolve(Long.toString(next.incrementAndGet()));
    try {
      Linux.rename(path, away, 0);
    } catch (LinuxException e) {
      if (e.errno() != Errno.ENOSPC) {
        throw e;
      }
      away = path; // not even a name fits onto the disk: it goes where it is
    }
    enqueue(away);
  }

  private void enqueue(Path path) {
    synchronized (lock) {
      pending++;
    }
    queue.add(path);
  }

  /** Waits until the space of all that was thrown in has been freed. */
  void await() {
    boolean interrupted = false;
    synchronized (lock) {
      while (pending > 0 && !closed) {
        try {
          lock.wait();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void run() {
    while (!closed) {
      try {
        Path path = queue.take();
        if (path.equals(END)) {
          return;
        }
        try {
          FileTree.delete(path, () -> closed);
        } catch (IOException | BuildException e) {
          log.warn("space not freed path={}", path, e);
        } finally {
          synchronized (lock) {
            pending--;
            lock.notifyAll();
          }
        }
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  /** Stops deleting, within a file. */
  @Override
  public void close() {
    closed = true;
    queue.add(END);
    synchronized (lock) {
      lock.notifyAll();
    }
    boolean interrupted = false;
    while (true) {
      try {
        thread.join();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
