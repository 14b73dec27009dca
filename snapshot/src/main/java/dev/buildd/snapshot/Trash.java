package dev.buildd.snapshot;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.linux.Linux;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Phaser;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A directory whose content is being deleted. What is thrown into it is gone from its old place at
 * once, as a whole; one thread frees the space.
 */
final class Trash implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Trash.class);
  private static final Path END = Path.of("");

  private final Path directory;
  private final AtomicLong next = new AtomicLong();
  private final LinkedBlockingQueue<Path> queue = new LinkedBlockingQueue<>();
  private final Phaser pending = new Phaser(1);
  private final Thread thread;

  Trash(Path directory) throws IOException {
    this.directory = directory;
    LayerFiles.deleteTree(directory);
    Files.createDirectories(directory);
    this.thread = Threads.startPlatform("snapshot-trash", this::run);
  }

  /** Moves a file or directory of the same filesystem away. */
  void add(Path path) throws IOException {
    Path away = directory.resolve(Long.toString(next.incrementAndGet()));
    Linux.rename(path, away, 0);
    pending.register();
    queue.add(away);
  }

  void await() {
    int phase = pending.arrive();
    pending.awaitAdvance(phase);
  }

  private void run() {
    while (true) {
      try {
        Path path = queue.take();
        if (path.equals(END)) {
          return;
        }
        try {
          LayerFiles.deleteTree(path);
        } catch (IOException | BuildException e) {
          log.warn("space not freed path={}", path, e);
        } finally {
          pending.arriveAndDeregister();
        }
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  @Override
  public void close() {
    queue.add(END);
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
