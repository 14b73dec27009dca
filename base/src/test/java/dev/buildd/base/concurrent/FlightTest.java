package dev.buildd.base.concurrent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class FlightTest {
  @Test
  void runsOnceForAllWhoJoin() throws Exception {
    AtomicInteger runs = new AtomicInteger();
    Flight<Integer> flight = new Flight<>("f", runs::incrementAndGet);
    assertThat(flight.join()).isEqualTo(1);
    assertThat(flight.join()).isEqualTo(1);
  }

  @Test
  void failureIsRemembered() {
    AtomicInteger runs = new AtomicInteger();
    Flight<Integer> flight =
        new Flight<>(
            "f",
            () -> {
              runs.incrementAndGet();
              throw new IllegalStateException("no");
            });
    assertThatThrownBy(flight::join).hasMessage("no");
    assertThatThrownBy(flight::join).hasMessage("no");
    assertThat(runs).hasValue(1);
  }

  @Test
  void theLastToLeaveInterruptsAndLaterJoinersStartAnew() throws Exception {
    CountDownLatch started = new CountDownLatch(1);
    AtomicInteger runs = new AtomicInteger();
    AtomicInteger interrupts = new AtomicInteger();
    Flight<Integer> flight =
        new Flight<>(
            "f",
            () -> {
              if (runs.incrementAndGet() == 1) {
                started.countDown();
                try {
                  Thread.sleep(60_000);
                } catch (InterruptedException e) {
                  interrupts.incrementAndGet();
                  throw e;
                }
              }
              return 7;
            });
    Thread waiter =
        Threads.start(
            "waiter",
            () -> {
              try {
                flight.join();
              } catch (Exception e) {
                Thread.currentThread().interrupt();
              }
            });
    started.await();
    waiter.interrupt();
    waiter.join();
    assertThat(interrupts).hasValue(1);
    assertThat(flight.join()).isEqualTo(7);
  }

  @Test
  void leavingDoesNotDisturbOthers() throws Exception {
    CountDownLatch started = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    Flight<Integer> flight =
        new Flight<>(
            "f",
            () -> {
              started.countDown();
              go.await();
              return 7;
            });
    Thread leaver =
        Threads.start(
            "leaver",
            () -> {
              try {
                flight.join();
              } catch (Exception e) {
                Thread.currentThread().interrupt();
              }
            });
    started.await();
    AtomicInteger got = new AtomicInteger();
    Thread stayer =
        Threads.start(
            "stayer",
            () -> {
              try {
                got.set(flight.join());
              } catch (Exception e) {
                Thread.currentThread().interrupt();
              }
            });
    while (stayer.getState() != Thread.State.WAITING) {
      Thread.onSpinWait();
    }
    leaver.interrupt();
    leaver.join();
    go.countDown();
    stayer.join();
    assertThat(got).hasValue(7);
  }

  @Test
  void scopeStopsTheRestAtTheFirstFailure() {
    assertThatThrownBy(
            () -> {
              try (Scope scope = Scope.open("s")) {
                scope.fork("sleeps", () -> Thread.sleep(60_000));
                scope.fork(
                    "fails",
                    () -> {
                      throw new IllegalStateException("first");
                    });
                scope.join();
              }
            })
        .hasMessage("first");
  }
}
