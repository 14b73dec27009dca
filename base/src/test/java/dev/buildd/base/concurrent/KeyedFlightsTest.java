package dev.buildd.base.concurrent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class KeyedFlightsTest {
  private final AtomicInteger runs = new AtomicInteger();
  private final List<Integer> disposed = new ArrayList<>();
  private final KeyedFlights<String, Integer> flights = new KeyedFlights<>("work", disposed::add);
  private final List<Thread> threads = new ArrayList<>();

  @AfterEach
  void nothingIsLeft() throws InterruptedException {
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(flights.size()).isZero();
  }

  /** Somebody who wants a value, and the thread that waits for it. */
  private final class User {
    final FutureTask<Integer> got;
    final Thread thread;

    User(String key, Callable<Integer> work) {
      got = new FutureTask<>(() -> flights.join(key, work));
      thread = Threads.start("user", got);
      threads.add(thread);
    }

    User waits() {
      while (thread.getState() != Thread.State.WAITING) {
        Thread.onSpinWait();
      }
      return this;
    }

    void cancel() throws InterruptedException {
      thread.interrupt();
      thread.join();
    }
  }

  private Callable<Integer> heldBy(CountDownLatch started, CountDownLatch go) {
    return () -> {
      int run = runs.incrementAndGet();
      started.countDown();
      go.await();
      return run;
    };
  }

  @Test
  void aCancelledUserLeavesTheOthersAndLaterOnesTogether() throws Exception {
    CountDownLatch started = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    User first = new User("k", heldBy(started, go));
    started.await();
    User second = new User("k", heldBy(started, go)).waits();
    first.waits().cancel();
    User third = new User("k", heldBy(started, go)).waits();
    go.countDown();
    assertThat(second.got.get()).isEqualTo(1);
    assertThat(third.got.get()).isEqualTo(1);
    assertThat(runs).hasValue(1);
  }

  @Test
  void theLastToLeaveInterruptsAndWaitsAndNobodyBeginsBefore() throws Exception {
    CountDownLatch started = new CountDownLatch(1);
    CountDownLatch interrupted = new CountDownLatch(1);
    CountDownLatch end = new CountDownLatch(1);
    User first =
        new User(
            "k",
            () -> {
              runs.incrementAndGet();
              started.countDown();
              try {
                new CountDownLatch(1).await();
              } catch (InterruptedException e) {
                interrupted.countDown();
                Scope.awaitUninterruptibly(end); // winds down slowly
              }
              return -1;
            });
    started.await();
    first.waits().thread.interrupt();
    interrupted.await();
    User second = new User("k", runs::incrementAndGet).waits();
    assertThat(runs).hasValue(1);
    assertThat(first.waits().thread.isAlive()).isTrue();
    end.countDown();
    assertThat(second.got.get()).isEqualTo(2);
    first.thread.join();
    assertThat(disposed).contains(-1, 2);
  }

  @Test
  void aFailureGoesToAllWhoWaitAndIsNotKept() throws Exception {
    CountDownLatch started = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    Callable<Integer> failing =
        () -> {
          runs.incrementAndGet();
          started.countDown();
          go.await();
          throw new IllegalStateException("no");
        };
    User first = new User("k", failing);
    started.await();
    User second = new User("k", failing).waits();
    go.countDown();
    assertThatThrownBy(first.got::get).hasRootCauseMessage("no");
    assertThatThrownBy(second.got::get).hasRootCauseMessage("no");
    assertThat(runs).hasValue(1);
    assertThat(flights.join("k", () -> 7)).isEqualTo(7);
  }

  @Test
  void whoJoinedTriesItsOwnWhenTheWorkFailsOfOneWhoWasCancelled() throws Exception {
    CountDownLatch started = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    User first =
        new User(
            "k",
            () -> {
              started.countDown();
              go.await();
              throw new IllegalStateException("my session has ended");
            });
    started.await();
    User second = new User("k", () -> 2).waits();
    User third = new User("k", () -> 3).waits();
    first.waits().cancel();
    go.countDown();
    assertThat(second.got.get()).isIn(2, 3);
    assertThat(third.got.get()).isIn(2, 3);
  }

  @Test
  void anErrorEndsTheWaitToo() {
    assertThatThrownBy(() ->
            flights.join(
                "k",
                () -> {
                  throw new StackOverflowError();
                }))
        .isInstanceOf(IllegalStateException.class)
        .hasCauseInstanceOf(StackOverflowError.class);
  }

  @Test
  void aValueLastsUntilItsLastUserLeaves() throws Exception {
    var first = flights.acquire("k", runs::incrementAndGet);
    var second = flights.acquire("k", runs::incrementAndGet);
    assertThat(second.value()).isEqualTo(1);
    first.close();
    first.close();
    assertThat(disposed).isEmpty();
    second.close();
    assertThat(disposed).containsExactly(1);
    assertThat(flights.join("k", runs::incrementAndGet)).isEqualTo(2);
  }

  /**
   * Whatever the order of comings, cancels and ends: no two runs of a key at once, all disposed.
   */
  @Test
  void neverTwiceAtOnce() throws Exception {
    int rounds = Integer.getInteger("stress", 200);
    Map<String, AtomicInteger> running = new ConcurrentHashMap<>();
    AtomicInteger tooMany = new AtomicInteger();
    AtomicInteger open = new AtomicInteger();
    var values =
        new KeyedFlights<String, AtomicInteger>("race", value -> open.addAndGet(-value.get()));
    for (int round = 0; round < rounds; round++) {
      Random random = new Random(round);
      List<Thread> users = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        String key = "k" + random.nextInt(2);
        int spins = random.nextInt(2_000);
        boolean fails = random.nextInt(8) == 0;
        users.add(
            Threads.start(
                "user",
                () -> {
                  try {
                    values.join(
                        key,
                        () -> {
                          AtomicInteger at = running.computeIfAbsent(key, k -> new AtomicInteger());
                          if (at.incrementAndGet() > 1) {
                            tooMany.incrementAndGet();
                          }
                          try {
                            for (int n = 0; n < spins && !Thread.interrupted(); n++) {
                              Thread.yield();
                            }
                            if (fails) {
                              throw new IllegalStateException("by lot");
                            }
                            open.incrementAndGet();
                            return new AtomicInteger(1);
                          } finally {
                            at.decrementAndGet();
                          }
                        });
                  } catch (Exception e) {
                    // cancelled, or failed by lot
                  }
                }));
      }
      users.get(random.nextInt(4)).interrupt();
      users.get(random.nextInt(4)).interrupt();
      for (Thread user : users) {
        user.join();
      }
    }
    assertThat(tooMany).hasValue(0);
    assertThat(open).hasValue(0);
    assertThat(values.size()).isZero();
  }
}
