package dev.buildd.base.concurrent;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/**
 * Forks virtual threads that cannot outlive the block. The first failure interrupts the others.
 *
 * <p>{@code fork}, {@code join} and {@code close} belong to the opening thread; {@code cancel} may
 * be called by any.
 */
public final class Scope implements AutoCloseable {
  private final String name;
  private final Object lock = new Object();
  private final List<Thread> threads = new ArrayList<>();
  private final List<CountDownLatch> ends = new ArrayList<>();
  private @Nullable Throwable failure;
  private boolean cancelled;

  private Scope(String name) {
    this.name = name;
  }

  public static Scope open(String name) {
    return new Scope(name);
  }

  /** Starts the work on a new virtual thread named after it. */
  public void fork(String what, Cleanup.Body body) {
    CountDownLatch end = new CountDownLatch(1);
    Thread thread =
        Threads.unstarted(
            what,
            () -> {
              try {
                body.run();
              } catch (Throwable e) {
                fail(e);
              } finally {
                end.countDown();
              }
            });
    boolean late;
    synchronized (lock) {
      threads.add(thread);
      ends.add(end);
      late = cancelled;
    }
    thread.start();
    if (late) {
      thread.interrupt();
    }
  }

  private void fail(Throwable e) {
    synchronized (lock) {
      if (cancelled || failure != null) {
        return; // what fails after a cancel fails because of it
      }
      failure = e;
    }
    cancel();
  }

  /** Interrupts everything forked, now and later. */
  public void cancel() {
    List<Thread> all;
    synchronized (lock) {
      cancelled = true;
      all = List.copyOf(threads);
    }
    all.forEach(Thread::interrupt);
  }

  /** Waits for everything forked and throws the first failure. */
  public void join() throws Exception {
    for (CountDownLatch end : List.copyOf(ends)) {
      end.await();
    }
    Throwable first;
    synchronized (lock) {
      first = failure;
    }
    switch (first) {
      case null -> {}
      case Exception e -> throw e;
      case Error e -> throw e;
      case Throwable e -> throw new IllegalStateException(name, e);
    }
  }

  /** Interrupts what still runs and waits until it has ended. */
  @Override
  public void close() {
    cancel();
    for (CountDownLatch end : ends) {
      awaitUninterruptibly(end);
    }
  }

  /** Waits whatever interrupts come, and restores the interrupt afterwards. */
  public static void awaitUninterruptibly(CountDownLatch latch) {
    boolean interrupted = false;
    while (true) {
      try {
        latch.await();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Runs all side by side and returns their values in order; the first failure ends the rest. */
  @SuppressWarnings("unchecked") // the array only holds what the bodies returned
  public static <T> List<T> all(String name, List<? extends Callable<? extends T>> bodies)
      throws Exception {
    if (bodies.size() == 1) {
      return Collections.singletonList(bodies.getFirst().call());
    }
    Object[] out = new Object[bodies.size()];
    try (Scope scope = open(name)) {
      for (int i = 0; i < bodies.size(); i++) {
        int at = i;
        scope.fork(name + "[" + i + "]", () -> out[at] = bodies.get(at).call());
      }
      scope.join();
    }
    return (List<T>) Arrays.asList(out);
  }
}
