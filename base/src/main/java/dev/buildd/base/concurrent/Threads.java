package dev.buildd.base.concurrent;

import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;

/**
 * Every thread of the program. Virtual threads only wait; what burns processor time runs on {@link
 * #cpu()}, what blocks in native code (mount, fsync, FIFOs, flock) on {@link #nativeCalls()}.
 *
 * <p>Measured on two processors: two virtual threads compressing a file stopped every other virtual
 * thread for 9.6 s.
 */
public final class Threads {
  private static final Pool CPU =
      new Pool(
          Executors.newFixedThreadPool(
              Math.max(2, Runtime.getRuntime().availableProcessors()), daemonFactory("cpu-")));
  private static final Pool NATIVE =
      new Pool(Executors.newCachedThreadPool(daemonFactory("native-")));
  private static final ScheduledExecutorService TIMER =
      Executors.newSingleThreadScheduledExecutor(daemonFactory("timer-"));

  private static volatile Supplier<Thread.Builder.OfVirtual> virtual = Thread::ofVirtual;

  private Threads() {}

  /** For tests, which decide which virtual thread goes on when. */
  static void makeVirtualBy(Supplier<Thread.Builder.OfVirtual> builders) {
    virtual = builders;
  }

  /** A pool on whose threads work runs that the caller waits for. */
  public static final class Pool {
    private final ExecutorService executor;

    private Pool(ExecutorService executor) {
      this.executor = executor;
    }

    /**
     * Runs the work on the pool and waits for it. An interrupt of the caller interrupts the work
     * and is reported once the work has ended.
     */
    public <T> T call(Callable<T> work) throws Exception {
      Ended<T> ended = new Ended<>(work);
      Future<T> future = executor.submit(ended);
      try {
        return future.get();
      } catch (ExecutionException e) {
        throw unwrap(e);
      } catch (InterruptedException e) {
        future.cancel(true);
        ended.await(); // whoever waited closes what the work uses
        throw e;
      }
    }

    /** As {@link #call}, but the work is neither interrupted nor abandoned by an interrupt. */
    public <T> T callUninterruptibly(Callable<T> work) throws Exception {
      Future<T> future = executor.submit(work);
      boolean interrupted = false;
      try {
        while (true) {
          try {
            return future.get();
          } catch (InterruptedException e) {
            interrupted = true;
          } catch (ExecutionException e) {
            throw unwrap(e);
          }
        }
      } finally {
        if (interrupted) {
          Thread.currentThread().interrupt();
        }
      }
    }

    /** The pool as a plain executor, for libraries that want one. */
    public ExecutorService executor() {
      return executor;
    }

    private static Exception unwrap(ExecutionException e) {
      if (e.getCause() instanceof Exception cause) {
        return cause;
      }
      if (e.getCause() instanceof Error error) {
        throw error;
      }
      return e;
    }
  }

  /**
   * Tells when the work is over, or that it never began. Clears the pool thread's interrupt, so
   * that the next work starts clean.
   */
  private static final class Ended<T> implements Callable<T> {
    private final Callable<T> work;
    private final AtomicBoolean claimed = new AtomicBoolean();
    private final CountDownLatch over = new CountDownLatch(1);

    Ended(Callable<T> work) {
      this.work = work;
    }

    @Override
    public T call() throws Exception {
      if (!claimed.compareAndSet(false, true)) {
        throw new CancellationException();
      }
      try {
        return work.call();
      } finally {
        Thread.interrupted();
        over.countDown();
      }
    }

    void await() {
      if (!claimed.compareAndSet(false, true)) {
        Scope.awaitUninterruptibly(over);
      }
    }
  }

  public static Pool cpu() {
    return CPU;
  }

  public static Pool nativeCalls() {
    return NATIVE;
  }

  /** Fires short tasks later; a task must not block. */
  public static ScheduledExecutorService timer() {
    return TIMER;
  }

  /** Starts a virtual thread that bears the name. */
  public static Thread start(String name, Runnable body) {
    return virtual.get().name(name).start(body);
  }

  /** A virtual thread, not yet started. */
  public static Thread unstarted(String name, Runnable body) {
    return virtual.get().name(name).unstarted(body);
  }

  /**
   * A platform thread that does not keep the program alive, for work that owns a shared channel.
   */
  public static Thread startPlatform(String name, Runnable body) {
    return Thread.ofPlatform().name(name).daemon(true).start(body);
  }

  /** One new virtual thread for each task. */
  public static ExecutorService perTask(String name) {
    return Executors.newThreadPerTaskExecutor(virtual.get().name(name, 0).factory());
  }

  private static ThreadFactory daemonFactory(String prefix) {
    return Thread.ofPlatform().name(prefix, 0).daemon(true).factory();
  }
}
