package dev.buildd.session.filesync.transfer;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.concurrent.Threads;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/**
 * Runs work on a thread of its own while the caller, a virtual one, waits. For loops that hash and
 * touch the disk without a pause: two of them on virtual threads would stop all others.
 */
final class PlatformThread {
  private PlatformThread() {}

  /** An interrupt of the caller interrupts the work, whose end is waited for all the same. */
  static void run(String name, Cleanup.Body body) throws Exception {
    CountDownLatch done = new CountDownLatch(1);
    @Nullable Throwable[] failure = new @Nullable Throwable[1];
    Thread thread =
        Threads.startPlatform(
            name,
            () -> {
              try {
                body.run();
              } catch (Throwable e) {
                failure[0] = e;
              } finally {
                done.countDown();
              }
            });
    boolean interrupted = false;
    while (true) {
      try {
        done.await();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
        thread.interrupt();
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    switch (failure[0]) {
      case null -> {}
      case Exception e -> throw e;
      case Error e -> throw e;
      case Throwable e -> throw new IllegalStateException(name, e);
    }
  }
}
