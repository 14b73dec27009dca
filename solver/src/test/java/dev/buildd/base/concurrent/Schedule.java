package dev.buildd.base.concurrent;

import java.lang.reflect.Constructor;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * Runs all virtual threads that {@link Threads} makes on one thread, in an order that a seed
 * decides: whenever one blocks, yields or ends, another that could go on is drawn. So a seed is an
 * interleaving, thousands of them are tried in seconds, and one that shows a fault can be run
 * again.
 *
 * <p>The JDK's builder of virtual threads takes a scheduler, for its own tests; it is reached by
 * reflection, for which java.lang is opened to tests.
 */
public final class Schedule implements Executor, AutoCloseable {
  private static final long PATIENCE_MILLIS = 10_000;

  private final List<Runnable> ready = new ArrayList<>(); // guarded by itself
  private final Random random;
  private final List<Thread> threads = new ArrayList<>(); // guarded by itself

  public Schedule(long seed) {
    random = new Random(seed);
    Supplier<Thread.Builder.OfVirtual> builders = builders();
    Threads.makeVirtualBy(builders);
  }

  private Supplier<Thread.Builder.OfVirtual> builders() {
    try {
      Constructor<?> constructor =
          Class.forName("java.lang.ThreadBuilders$VirtualThreadBuilder")
              .getDeclaredConstructor(Executor.class);
      constructor.setAccessible(true);
      return () -> {
        try {
          return (Thread.Builder.OfVirtual) constructor.newInstance(this);
        } catch (ReflectiveOperationException e) {
          throw new IllegalStateException(e);
        }
      };
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("this JDK has no builder that takes a scheduler", e);
    }
  }

  /** Starts a thread of the test's own, which then is one of those that are drawn. */
  public Thread start(String name, Runnable body) {
    Thread thread = Threads.unstarted(name, body);
    synchronized (threads) {
      threads.add(thread);
    }
    thread.start();
    return thread;
  }

  @Override
  public void execute(Runnable task) {
    synchronized (ready) {
      ready.add(task);
      ready.notifyAll();
    }
  }

  /** A place where another thread may go on instead: with a chance of one in three. */
  public void pause() {
    if (Thread.currentThread().isVirtual() && random.nextInt(3) == 0) {
      Thread.yield();
    }
  }

  /** Lets the threads go on until those that the test started have ended. */
  public void run() throws InterruptedException {
    while (alive()) {
      Runnable next;
      synchronized (ready) {
        // a thread that waited for a monitor comes back by way of a thread of the JDK's
        long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(PATIENCE_MILLIS);
        while (ready.isEmpty()) {
          long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
          if (left <= 0) {
            throw new AssertionError("nobody can go on: " + waiting());
          }
          ready.wait(left);
        }
        next = ready.remove(random.nextInt(ready.size()));
      }
      next.run();
    }
    drain();
  }

  private void drain() {
    while (true) {
      Runnable next;
      synchronized (ready) {
        if (ready.isEmpty()) {
          return;
        }
        next = ready.removeFirst();
      }
      next.run();
    }
  }

  private boolean alive() {
    synchronized (threads) {
      return threads.stream().anyMatch(Thread::isAlive);
    }
  }

  private List<String> waiting() {
    synchronized (threads) {
      return threads.stream()
          .filter(Thread::isAlive)
          .map(t -> t.getName() + " " + List.of(t.getStackTrace()))
          .toList();
    }
  }

  @Override
  public void close() {
    Threads.makeVirtualBy(Thread::ofVirtual);
  }
}
