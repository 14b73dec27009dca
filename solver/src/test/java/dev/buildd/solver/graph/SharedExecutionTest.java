package dev.buildd.solver.graph;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.cache.key.CacheRecord;
import dev.buildd.cache.key.CacheStore;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What several builds share, and what one of them may not do to the others. */
@Timeout(60)
class SharedExecutionTest {
  private final Lab lab = new Lab();

  @AfterEach
  void nothingIsLeft() {
    lab.checkNothingLeft();
  }

  /** A build on a thread of its own. */
  private final class Client {
    final Job job = lab.job();
    final AtomicReference<String> result = new AtomicReference<>();
    final AtomicReference<Throwable> failure = new AtomicReference<>();
    final Thread thread;

    Client(Lab.Step step) {
      thread =
          Threads.start(
              "build " + step,
              () -> {
                try (job;
                    SharedResult value = job.build(new Edge(step, 0))) {
                  result.set(Lab.text(value));
                } catch (Throwable e) {
                  failure.set(e);
                } finally {
                  lab.solver.discard(job);
                }
              });
    }

    void cancel() throws InterruptedException {
      thread.interrupt();
      thread.join();
      assertThat(failure.get()).isInstanceOf(InterruptedException.class);
    }

    String join() throws Exception {
      thread.join();
      if (failure.get() instanceof Exception e) {
        throw e;
      }
      return String.valueOf(result.get());
    }
  }

  /** Steps of equal content whose definitions differ, so that builds meet at the run. */
  private Lab.Step top(Lab.Body body) {
    return lab.step("top").input(lab.step("in").gives("same")).content(0).does(body);
  }

  private static void awaitSessions(OpContext context, int count) throws InterruptedException {
    while (context.sessions().size() < count) {
      Thread.sleep(1);
    }
  }

  @Test
  void aSharedRunOutlivesTheBuildThatBeganIt() throws Exception {
    CountDownLatch running = new CountDownLatch(1);
    CountDownLatch both = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    ConcurrentLinkedQueue<List<String>> sessions = new ConcurrentLinkedQueue<>();
    Lab.Body body =
        (context, in) -> {
          sessions.add(context.sessions());
          running.countDown();
          awaitSessions(context, 2);
          sessions.add(context.sessions());
          both.countDown();
          go.await();
          sessions.add(context.sessions());
          return "made of " + in;
        };
    Client first = new Client(top(body));
    running.await();
    Client second = new Client(top(body));
    both.await();
    first.cancel();
    go.countDown();

    // the inputs were open to the end, or the step would have failed
    assertThat(second.join()).isEqualTo("made of [same]");
    assertThat(lab.execs("top")).isEqualTo(1);
    assertThat(sessions)
        .containsExactly(
            List.of(first.job.session()),
            List.of(first.job.session(), second.job.session()),
            List.of(second.job.session()));
  }

  @Test
  void aGraphThatASharedRunSolvesBelongsToAllWhoShareTheRun() throws Exception {
    CountDownLatch running = new CountDownLatch(1);
    CountDownLatch both = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    Lab.Step inner =
        lab.step("inner")
            .does((context, in) -> {
              context.progress().log(1, new byte[] {'a'});
              running.countDown();
              awaitSessions(context, 2);
              both.countDown();
              go.await();
              context.progress().log(1, new byte[] {'b'});
              return "i";
            });
    Lab.Body outer = (context, in) -> "o" + Lab.text(context.build(new Edge(inner, 0)));
    Client first = new Client(top(outer));
    running.await();
    Client second = new Client(top(outer));
    both.await();
    first.cancel();
    go.countDown();

    assertThat(second.join()).isEqualTo("oi");
    assertThat(lab.execs("inner")).isEqualTo(1);
    List<ProgressEvent> told = new ArrayList<>();
    for (ProgressEvent event : second.job.journal().snapshot()) {
      if (event.vertex().equals(inner.digest())) {
        told.add(event);
      }
    }
    assertThat(told.stream().filter(ProgressEvent.Log.class::isInstance)).hasSize(2);
    assertThat(told.getLast())
        .isInstanceOfSatisfying(
            ProgressEvent.VertexState.class, s -> assertThat(s.completed()).isPresent());
  }

  @Test
  void aBuildThatComesWhileTheLastIsCancelledRunsAnewAndNeverBesideIt() throws Exception {
    CountDownLatch running = new CountDownLatch(1);
    CountDownLatch leaving = new CountDownLatch(1);
    CountDownLatch unwind = new CountDownLatch(1);
    Set<String> inside = new HashSet<>();
    Lab.Body body =
        (context, in) -> {
          synchronized (inside) {
            assertThat(inside).isEmpty();
            inside.add("one");
          }
          try {
            if (running.getCount() > 0) {
              running.countDown();
              try {
                new CountDownLatch(1).await();
              } finally {
                leaving.countDown();
                Scope.awaitUninterruptibly(unwind);
              }
            }
            return "done";
          } finally {
            synchronized (inside) {
              inside.clear();
            }
          }
        };
    Client first = new Client(top(body));
    running.await();
    first.thread.interrupt();
    leaving.await();
    Client second = new Client(top(body));
    while (lab.solver.activeCount() < 4) { // both builds' vertices
      Thread.sleep(1);
    }
    Thread.sleep(20);
    unwind.countDown();
    assertThat(second.join()).isEqualTo("done");
    first.thread.join();
    assertThat(lab.execs("top")).isEqualTo(2);
  }

  @RepeatedTest(50)
  void buildsThatShareAFailedLoadAndThenARunMakeNoCircle() throws Exception {
    lab.build(lab.step("s").key("k"));
    lab.forgetCounts();
    lab.failLoads = true;
    CyclicBarrier barrier = new CyclicBarrier(4);
    List<Callable<String>> builds = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      Lab.Step step = lab.step("s").key("k");
      builds.add(() -> {
        barrier.await();
        return new Client(step).join();
      });
    }
    assertThat(new HashSet<>(Scope.all("builds", builds))).containsExactly("k[]");
    // builds that overlap share the run; one that comes when no other is left runs again
    assertThat(lab.execs("s")).isBetween(1, 4);
  }

  @Test
  void aCancelledBuildBeginsNoLoad() throws Exception {
    lab.build(pair("x1", "y1", "Z"));
    lab.build(pair("x2", "y2", "Y"));
    CountDownLatch slow = new CountDownLatch(1);
    CountDownLatch unwind = new CountDownLatch(1);
    lab.loading =
        text -> {
          if (text.equals("Y")) { // slow to come, and slow to give up
            slow.countDown();
            try {
              new CountDownLatch(1).await();
            } finally {
              Scope.awaitUninterruptibly(unwind);
            }
          } else if (text.equals("X")) {
            slow.await();
          }
        };
    lab.forgetCounts();
    // x1's content leads where y2's definition does: a hit, while y2's content is still on its way
    Client client = new Client(lab.step("parent").input(pair("x1", "y2", "Y")).content(0));
    slow.await();
    while (!lab.loads.contains("X")) {
      Thread.sleep(1);
    }
    Thread.sleep(50);
    client.thread.interrupt();
    Thread.sleep(50);
    unwind.countDown();
    client.thread.join();
    assertThat(client.failure.get()).isInstanceOf(InterruptedException.class);
    assertThat(lab.loads).containsExactlyInAnyOrder("X", "Y");
  }

  private Lab.Step pair(String x, String y, String fromY) {
    return lab.step("top")
        .key("top")
        .input(lab.step(x).gives("X"))
        .content(0)
        .input(lab.step(y).gives(fromY))
        .content(1)
        .gives("T");
  }

  @Test
  void whatTurnsOutToBeGoneWhenUsedIsAMiss() throws Exception {
    Lab.Step base = lab.step("base");
    lab.build(base);
    lab.everything().forEach(lab::lose);
    lab.forgetCounts();
    // first asked for as it is, by what only passes it on, and then to be used
    Job job = lab.job();
    try (job) {
      job.build(new Edge(base, 0)).close();
      assertThat(lab.execs("base")).isZero();
      try (SharedResult value = job.build(new Edge(lab.step("user").input(base), 0))) {
        assertThat(Lab.text(value)).isEqualTo("user[base[]]");
      }
    }
    assertThat(lab.execs("base")).isEqualTo(1);
  }

  @Test
  void whatWasPassedOnAndIsGoneIsMadeAgainFromInputsThatAreHere() throws Exception {
    Lab.Step base = lab.step("base");
    lab.build(base);
    lab.everything().forEach(lab::lose);
    lab.forgetCounts();
    Lab.Step merge = lab.step("merge").input(lab.step("merge").input(base).passesOn()).passesOn();
    assertThat(lab.build(lab.step("user").input(merge))).isEqualTo("user[base[]]");
    assertThat(lab.execs("base")).isEqualTo(1);
  }

  @Test
  void aValueIsClosedIfItsRecordCannotBeTakenOver() throws Exception {
    Lab elsewhere = new Lab();
    elsewhere.build(elsewhere.step("s").key("k"));
    CacheSource full =
        new CacheSource() {
          @Override
          public String id() {
            return "full";
          }

          @Override
          public CacheStore keys() {
            return elsewhere.keys();
          }

          @Override
          public SharedResult load(CacheRecord record, OpContext context, boolean used)
              throws Exception {
            return elsewhere.load(record, context, used);
          }

          @Override
          public void adopt(CacheRecord record, SharedResult loaded, CacheStore main) {
            throw new BuildException(Category.RESOURCE_EXHAUSTED, "no space left on device");
          }
        };
    assertThat(lab.build(lab.step("s").key("k").cachedIn(full))).isEqualTo("k[]");
    assertThat(lab.execs("s")).isEqualTo(1);
    elsewhere.checkNothingLeft();
  }

  @Test
  void aStepWhoseResultCannotBeRecordedFailsAndIsToldAsFailed() throws Exception {
    lab.failSaves = true;
    Lab.Step step = lab.step("s");
    Client client = new Client(step);
    assertThatThrownBy(client::join)
        .isInstanceOf(VertexException.class)
        .hasMessageContaining("no space left");
    assertThat(client.job.journal().snapshot())
        .last()
        .isInstanceOfSatisfying(
            ProgressEvent.VertexState.class,
            s -> assertThat(s.error()).contains("no space left on device"));
    lab.failSaves = false;
    assertThat(lab.build(step)).isEqualTo("s[]");
    lab.forgetCounts();
    lab.build(step);
    assertThat(lab.allExecs()).isZero();
  }

  @Test
  void aStepThatMeetsAFullDiskRunsAnewWhileRoomIsMade() throws Exception {
    AtomicInteger asked = new AtomicInteger();
    AtomicInteger full = new AtomicInteger(1);
    lab.makeRoom =
        () -> {
          asked.incrementAndGet();
          return true;
        };
    Lab.Step step = lab.step("s").does(stepBody(full));
    assertThat(lab.build(step)).isEqualTo("made");
    assertThat(asked).hasValue(1);
    assertThat(lab.execs("s")).isEqualTo(2);
    full.set(3); // others have taken the room
    assertThat(lab.build(lab.step("r").does(stepBody(full)))).isEqualTo("made");
    assertThat(lab.execs("r")).isEqualTo(4);
    full.set(100);
    assertThatThrownBy(() -> lab.build(lab.step("t").does(stepBody(full))))
        .hasMessageContaining("No space left");
    assertThat(lab.execs("t")).as("it may fill the disk by itself").isEqualTo(5);
    lab.makeRoom = () -> false;
    full.set(1);
    assertThatThrownBy(() -> lab.build(lab.step("u").does(stepBody(full))))
        .hasMessageContaining("No space left");
    assertThat(lab.execs("u")).isEqualTo(1);
  }

  /** Fails as on a full disk as often as the count says. */
  private static Lab.Body stepBody(AtomicInteger full) {
    return (context, in) -> {
      if (full.getAndDecrement() > 0) {
        throw new BuildException(Category.RESOURCE_EXHAUSTED, "write: No space left on device");
      }
      return "made";
    };
  }

  @Test
  void whatAlsoIsExhaustedIsNoFullDisk() {
    AtomicInteger asked = new AtomicInteger();
    lab.makeRoom = () -> asked.incrementAndGet() > 0;
    Lab.Step step =
        lab.step("s")
            .does((context, in) -> {
              throw new BuildException(Category.RESOURCE_EXHAUSTED, "429 Too Many Requests");
            });
    assertThatThrownBy(() -> lab.build(step)).hasMessageContaining("429");
    assertThat(asked).hasValue(0);
  }

  @Test
  void aResultThatFindsNoRoomForItsRecordIsRecordedAfterwards() throws Exception {
    lab.failSaves = true;
    lab.makeRoom =
        () -> {
          lab.failSaves = false;
          return true;
        };
    Lab.Step step = lab.step("s");
    assertThat(lab.build(step)).isEqualTo("s[]");
    assertThat(lab.execs("s")).isEqualTo(1);
  }

  @Test
  void aFailedLoadForgetsARecordOnlyIfItsValueIsGone() throws Exception {
    Lab.Step step = lab.step("s");
    lab.build(step);
    lab.loadsFailWith = new BuildException(Category.UNAVAILABLE, "registry is away");
    lab.build(step);
    lab.loadsFailWith = null;
    lab.forgetCounts();
    assertThat(lab.keys().results()).hasSize(2);
    lab.failLoads = true;
    lab.build(step);
    assertThat(lab.keys().results()).hasSize(1);
  }

  @Test
  void aDefectIsNoMiss() throws Exception {
    Lab.Step step = lab.step("s");
    lab.build(step);
    lab.forgetCounts();
    lab.loadsFailWith = new IllegalStateException("a defect");
    assertThatThrownBy(() -> lab.build(step))
        .isInstanceOf(VertexException.class)
        .hasRootCauseInstanceOf(IllegalStateException.class);
    assertThat(lab.allExecs()).isZero();
  }

  @Test
  void cachesOfABuildThatHasEndedAreNotAskedAnyMore() throws Exception {
    Lab elsewhere = new Lab();
    elsewhere.build(elsewhere.step("top").input(elsewhere.step("base").key("b")));
    Lab.Step base = lab.step("base").key("b");
    Job keeper = lab.job();
    try (keeper) {
      Job other = lab.job();
      try (other;
          SharedResult value = other.build(new Edge(base.cachedIn(elsewhere), 0))) {
        assertThat(Lab.text(value)).isEqualTo("b[]");
        keeper.build(new Edge(base, 0)).close(); // the vertex stays
      } finally {
        lab.solver.discard(other);
      }
      elsewhere.forgetCounts();
      base.cachedInNothing();
      keeper.build(new Edge(lab.step("other").input(base), 0)).close();
      assertThat(elsewhere.asked()).isZero();
    } finally {
      lab.solver.discard(keeper);
    }
    elsewhere.checkNothingLeft();
  }

  @Test
  void aResultOfABuildThatIsStillOpenIsAHit() throws Exception {
    Job first = lab.job();
    Job second = lab.job();
    try (first;
        second) {
      first.build(new Edge(lab.step("s").key("k"), 0)).close();
      Lab.Step same = lab.step("s").key("k");
      second.build(new Edge(same, 0)).close();
      assertThat(second.journal().snapshot())
          .filteredOn(ProgressEvent.VertexState.class::isInstance)
          .last()
          .isInstanceOfSatisfying(
              ProgressEvent.VertexState.class, s -> assertThat(s.cached()).isTrue());
    }
  }

  @Test
  void aPartOfTheWorkIsToldAsItIsNotAsItWas() throws Exception {
    Lab.Step step =
        lab.step("s")
            .does((context, in) -> {
              for (int i = 0; i < 100; i++) {
                try (VertexProgress.Part part = context.progress().part("layer")) {
                  part.update("fetching", i, 100);
                }
              }
              return "done";
            });
    Client client = new Client(step);
    client.join();
    assertThat(
            client.job.journal().snapshot().stream().filter(ProgressEvent.Status.class::isInstance))
        .hasSize(1);
    assertThat(client.job.journal().read(0).next()).isGreaterThan(200);
  }
}
