package dev.buildd.base.concurrent;

import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/**
 * A computation shared by everyone who joins it. It starts with the first waiter and is interrupted
 * when the last waiter leaves, who then waits for its end. A value is remembered, and so is a
 * failure, unless the run was cancelled: then a later waiter starts anew.
 *
 * <p>Safe for use by many threads.
 */
public final class Flight<T> {
  private sealed interface Outcome<T> {
    record Value<T>(T value) implements Outcome<T> {}

    record Failure<T>(Exception error) implements Outcome<T> {}
  }

  private static final class Run {
    final CountDownLatch done = new CountDownLatch(1);
    @Nullable Thread thread;
    int waiters;
    boolean cancelled;
  }

  private final String name;
  private final Object lock = new Object();
  private @Nullable Callable<T> body; // dropped once there is an outcome, with all it refers to
  private @Nullable Run run;
  private volatile @Nullable Outcome<T> outcome;

  public Flight(String name, Callable<T> body) {
    this.name = name;
    this.body = body;
  }

  /** A computation that is over already. */
  public static <T> Flight<T> landed(String name, T value) {
    Flight<T> flight = new Flight<>(name, () -> value);
    flight.outcome = new Outcome.Value<>(value);
    flight.body = null;
    return flight;
  }

  /** The value; waits for it, and starts its computation if need be. */
  public T join() throws Exception {
    while (true) {
      Outcome<T> known = outcome;
      if (known == null) {
        if (Thread.interrupted()) {
          throw new InterruptedException(); // a cancelled caller begins nothing
        }
        Run joined = enter();
        if (joined != null) {
          try {
            joined.done.await();
          } catch (InterruptedException e) {
            leave(joined);
            throw e;
          }
          synchronized (lock) {
            joined.waiters--;
          }
        }
        continue;
      }
      return switch (known) {
        case Outcome.Value<T>(T value) -> value;
        case Outcome.Failure<T>(Exception error) -> throw error;
      };
    }
  }

  private @Nullable Run enter() throws InterruptedException {
    synchronized (lock) {
      while (outcome == null && run != null && run.cancelled) {
        lock.wait();
      }
      if (outcome != null) {
        return null;
      }
      Run current = run;
      if (current == null) {
        Run started = new Run();
        started.thread = Threads.unstarted(name, () -> fly(started));
        started.thread.start();
        run = started;
        current = started;
      }
      current.waiters++;
      return current;
    }
  }

  /** The value if it is there already; never starts or waits. */
  public Optional<T> peek() {
    return outcome instanceof Outcome.Value<T>(T value) ? Optional.of(value) : Optional.empty();
  }

  private void leave(Run left) {
    boolean last;
    synchronized (lock) {
      last = --left.waiters == 0 && left.done.getCount() > 0;
      if (last) {
        left.cancelled = true;
        if (left.thread != null) {
          left.thread.interrupt();
        }
      }
    }
    if (last) {
      Scope.awaitUninterruptibly(left.done); // whoever cancels waits for the work to be over
    }
  }

  private void fly(Run current) {
    Outcome<T> result;
    Callable<T> work = body;
    try {
      if (work == null) {
        throw new IllegalStateException(name + " ran after its end");
      }
      result = new Outcome.Value<>(work.call());
    } catch (Exception e) {
      result = new Outcome.Failure<>(e);
    } catch (Throwable e) {
      result = new Outcome.Failure<>(new IllegalStateException(name + ": " + e, e));
    }
    synchronized (lock) {
      // finished work is kept, a failure under cancellation is not
      if (result instanceof Outcome.Value<T> || !current.cancelled) {
        outcome = result;
        body = null;
      }
      run = null;
      current.done.countDown();
      lock.notifyAll();
    }
  }
}
