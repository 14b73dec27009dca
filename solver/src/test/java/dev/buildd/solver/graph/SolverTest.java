package dev.buildd.solver.graph;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The invariants of the solver's design, one test or more for each. */
@Timeout(60)
class SolverTest {
  private static final int STRESS = Integer.getInteger("stress", 20);

  private Lab lab = new Lab();

  @AfterEach
  void nothingIsLeft() {
    lab.checkNothingLeft();
  }

  // --- caching ---

  @Test
  void fullHitRunsNothingAndLoadsTheLastOnly() throws Exception {
    Lab.Step base = lab.step("base");
    Lab.Step middle = lab.step("middle").input(base);
    Lab.Step top = lab.step("top").input(middle);
    String first = lab.build(top);
    lab.forgetCounts();

    assertThat(lab.build(top)).isEqualTo(first);
    assertThat(lab.allExecs()).isZero();
    assertThat(lab.loads).containsExactly(first);
    lab.maps.values().forEach(count -> assertThat(count).hasValue(1));
  }

  @Test
  void sameOperationUnderAnotherDefinitionHits() throws Exception {
    lab.build(lab.step("a").seed("one").key("k"));
    lab.build(lab.step("b").seed("two").key("k"));
    assertThat(lab.execs("a")).isEqualTo(1);
    assertThat(lab.execs("b")).isZero();
  }

  @Test
  void contentEqualInputsHitWhateverTheirDefinition() throws Exception {
    Lab.Step one = lab.step("one").gives("same");
    lab.build(lab.step("user").input(one).content(0));
    Lab.Step two = lab.step("two").gives("same");
    lab.build(lab.step("user2").key("user").input(two).content(0));
    assertThat(lab.execs("two")).isEqualTo(1);
    assertThat(lab.execs("user2")).isZero();
  }

  @Test
  void aContentHitIsFoundByDefinitionTheNextTime() throws Exception {
    lab.build(lab.step("user").input(lab.step("one").gives("same")).content(0));
    Lab.Step two = lab.step("two").gives("same");
    Lab.Step user = lab.step("user2").key("user").input(two).content(0);
    lab.build(user);
    lab.forgetCounts();
    lab.build(user);
    assertThat(lab.allExecs()).isZero();
    assertThat(lab.loads).hasSize(1);
  }

  @Test
  void anotherSelectorMissesByDefinitionAndHitsByContent() throws Exception {
    Lab.Step base = lab.step("base").gives("files");
    lab.build(lab.step("copy").input(base).selector(0, "/a"));
    lab.build(lab.step("copy2").key("copy").input(base).selector(0, "/b"));
    assertThat(lab.execs("copy2")).isEqualTo(1);

    lab.build(lab.step("copy3").key("c").input(base).selector(0, "/a").content(0));
    lab.build(lab.step("copy4").key("c").input(base).selector(0, "/b").content(0));
    assertThat(lab.execs("copy3")).isEqualTo(1);
    assertThat(lab.execs("copy4")).isZero();
  }

  @Test
  void laterKeysOfARootAreNotAskedOnceAnEarlierOneHasARecord() throws Exception {
    Lab.Step root = lab.step("image").laterKeys("chain");
    lab.build(root);
    assertThat(lab.maps.get("image")).hasValue(2);
    lab.forgetCounts();
    lab.build(root);
    assertThat(lab.maps.get("image")).hasValue(1);
    assertThat(lab.allExecs()).isZero();
  }

  @Test
  void aLaterKeyOfARootHitsWhatAnotherManifestMade() throws Exception {
    lab.build(lab.step("one").key("manifest1").laterKeys("chain"));
    lab.build(lab.step("two").key("manifest2").laterKeys("chain"));
    assertThat(lab.execs("two")).isZero();
  }

  @Test
  void aMatchedInputIsNotRunWhileAnUnmatchedOneCanStillDecide() throws Exception {
    Lab.Step slow = lab.step("slow").gives("s");
    Lab.Step other = lab.step("other").gives("o");
    lab.build(lab.step("top").input(slow).content(0).input(other).content(1));
    lab.forgetCounts();
    // slow is matched by its definition; other is not: only other need be run to find the hit
    Lab.Step changed = lab.step("changed").gives("o");
    lab.build(lab.step("top2").key("top").input(slow).content(0).input(changed).content(1));
    assertThat(lab.execs("changed")).isEqualTo(1);
    assertThat(lab.execs("slow")).isZero();
    assertThat(lab.execs("top2")).isZero();
  }

  @Test
  void provenMissStartsAllInputsAtOnce() throws Exception {
    CountDownLatch both = new CountDownLatch(2);
    Lab.Body meet =
        (context, in) -> {
          both.countDown();
          assertThat(both.await(10, TimeUnit.SECONDS)).as("the other input runs too").isTrue();
          return "met";
        };
    Lab.Step a = lab.step("a").does(meet);
    Lab.Step b = lab.step("b").does(meet);
    lab.build(lab.step("top").input(a).input(b));
  }

  @Test
  void noCacheRunsAgainAndSoDoesWhatIsNamedByDefinition() throws Exception {
    Lab.Step base = lab.step("base");
    lab.build(lab.step("top").input(base));
    lab.forgetCounts();
    Lab.Step fresh = lab.step("base").noCache();
    lab.build(lab.step("top").input(fresh));
    assertThat(lab.execs("base")).isEqualTo(1);
    assertThat(lab.execs("top")).isEqualTo(1);
  }

  @Test
  void whatIsNamedByContentHitsOverANoCacheInput() throws Exception {
    lab.build(lab.step("top").input(lab.step("base").gives("v")).content(0));
    lab.forgetCounts();
    lab.build(lab.step("top").input(lab.step("base").gives("v").noCache()).content(0));
    assertThat(lab.execs("base")).isEqualTo(1);
    assertThat(lab.execs("top")).isZero();
  }

  @Test
  void whatNoCacheMadeIsFoundByOrdinaryBuilds() throws Exception {
    lab.build(lab.step("a").noCache());
    lab.build(lab.step("a"));
    assertThat(lab.execs("a")).isEqualTo(1);
  }

  @Test
  void aLostResultIsMadeAgain() throws Exception {
    Lab.Step base = lab.step("base");
    Lab.Step top = lab.step("top").input(base);
    String first = lab.build(top);
    lab.forgetCounts();
    lab.failLoads = true;
    assertThat(lab.build(top)).isEqualTo(first);
    assertThat(lab.execs("top")).isEqualTo(1);
    assertThat(lab.execs("base")).isEqualTo(1);
  }

  @Test
  void outputsAreCachedEachByItself() throws Exception {
    Lab.Step two = lab.step("two").outputs(2);
    String second = lab.build(two, 1);
    assertThat(second).endsWith("#1");
    lab.forgetCounts();
    assertThat(lab.build(two, 1)).isEqualTo(second);
    assertThat(lab.allExecs()).isZero();
  }

  @Test
  void bothOutputsOfOneRun() throws Exception {
    Lab.Step two = lab.step("two").outputs(2);
    lab.build(lab.step("user").input(two, 0).input(two, 1));
    assertThat(lab.execs("two")).isEqualTo(1);
  }

  @Test
  void anOutputThatIsNotThereIsAnError() {
    assertThatThrownBy(() -> lab.build(lab.step("one"), 3)).hasMessageContaining("no output 3");
  }

  // --- sharing work ---

  @RepeatedTest(20)
  void overlappingBuildsRunEachStepOnce() throws Exception {
    CyclicBarrier together = new CyclicBarrier(8);
    List<Callable<String>> builds = new ArrayList<>();
    for (int i = 0; i < 8; i++) { // other definitions, the same meaning
      builds.add(() -> {
        Lab.Step base = lab.step("base");
        Lab.Step left = lab.step("left").input(base);
        Lab.Step right = lab.step("right").input(base);
        Lab.Step top = lab.step("top").input(left).input(right);
        together.await();
        return lab.build(top);
      });
    }
    List<String> results = Scope.all("builds", builds);
    assertThat(new HashSet<>(results)).hasSize(1);
    lab.execs.forEach((name, count) -> assertThat(count).as(name).hasValue(1));
  }

  @Test
  void aCompletedVertexHeldByAnotherJobStillYieldsItsNames() throws Exception {
    Lab.Step base = lab.step("base");
    lab.build(lab.step("top").input(base));
    Job holder = lab.job();
    holder.build(new Edge(base, 0)).close();
    lab.forgetCounts();
    lab.build(lab.step("top").input(base));
    assertThat(lab.allExecs()).isZero();
    holder.close();
  }

  // --- cancelling and failing ---

  @Test
  void aCacheIsAskedForWhatHangsOnAnotherBuildsVertices() throws Exception {
    Lab elsewhere = new Lab();
    elsewhere.build(elsewhere.step("top").input(elsewhere.step("base")));
    Job other = lab.job();
    try (other;
        SharedResult kept = other.build(new Edge(lab.step("base").seed("base"), 0))) {
      assertThat(Lab.text(kept)).isEqualTo("base[]");
      lab.build(lab.step("top").input(lab.step("base").seed("base")).cachedIn(elsewhere));
      assertThat(lab.execs("top")).isZero();
    } finally {
      lab.solver.discard(other);
    }
    elsewhere.checkNothingLeft();
  }

  @Test
  void aCacheIsAskedThoughAVertexWasAskedForItsNamesWithoutIt() throws Exception {
    lab.build(lab.step("one").input(lab.step("base").seed("base")));
    lab.forgetCounts();
    Lab elsewhere = new Lab();
    elsewhere.build(elsewhere.step("two").input(elsewhere.step("base")));
    Job other = lab.job();
    try (other;
        SharedResult kept =
            other.build(new Edge(lab.step("one").input(lab.step("base").seed("base")), 0))) {
      assertThat(Lab.text(kept)).isEqualTo("one[base[]]");
      lab.build(lab.step("two").input(lab.step("base").seed("base")).cachedIn(elsewhere));
      assertThat(lab.allExecs()).isZero();
    } finally {
      lab.solver.discard(other);
    }
    elsewhere.checkNothingLeft();
  }

  @Test
  void cancellingOneOfTwoLeavesTheOther() throws Exception {
    CountDownLatch running = new CountDownLatch(1);
    CountDownLatch finish = new CountDownLatch(1);
    Lab.Step step =
        lab.step("s")
            .does((context, in) -> {
              running.countDown();
              finish.await();
              return "done";
            });
    Build first = new Build(step);
    running.await();
    Build second = new Build(step);
    second.awaitWaiting();
    first.thread.interrupt();
    first.thread.join();
    assertThat(first.failure.get()).isInstanceOf(InterruptedException.class);
    finish.countDown();
    second.thread.join();
    assertThat(second.result.get()).isEqualTo("done");
    assertThat(lab.execs("s")).isEqualTo(1);
  }

  @Test
  void cancellingTheLastInterruptsTheWorkAndWaitsForItsEnd() throws Exception {
    CountDownLatch running = new CountDownLatch(1);
    AtomicInteger ended = new AtomicInteger();
    Lab.Step step =
        lab.step("s")
            .does((context, in) -> {
              running.countDown();
              try {
                new CountDownLatch(1).await();
                return "never";
              } finally {
                Thread.sleep(50); // the clean-up takes a while
                ended.incrementAndGet();
              }
            });
    Build build = new Build(lab.step("top").input(step));
    running.await();
    build.thread.interrupt();
    build.thread.join();
    assertThat(ended).hasValue(1);
    assertThat(build.failure.get()).isInstanceOf(InterruptedException.class);
  }

  @Test
  void aCancelledStepCanBeBuiltAgain() throws Exception {
    AtomicInteger runs = new AtomicInteger();
    CountDownLatch running = new CountDownLatch(1);
    Lab.Step step =
        lab.step("s")
            .does((context, in) -> {
              if (runs.incrementAndGet() == 1) {
                running.countDown();
                new CountDownLatch(1).await();
              }
              return "second";
            });
    Job keeper = lab.job(); // so that the vertex stays between the two
    Thread first =
        Threads.start(
            "first",
            () ->
                assertThat(catchThrowable(() -> keeper.build(new Edge(step, 0))))
                    .isInstanceOf(InterruptedException.class));
    running.await();
    first.interrupt();
    first.join();
    try (SharedResult result = keeper.build(new Edge(step, 0))) {
      assertThat(Lab.text(result)).isEqualTo("second");
    }
    keeper.close();
  }

  @Test
  void aFailureNamesItsVertexAndASecondBuildMaySucceed() throws Exception {
    AtomicInteger runs = new AtomicInteger();
    Lab.Step bad =
        lab.step("bad")
            .does((context, in) -> {
              if (runs.incrementAndGet() == 1) {
                throw BuildException.invalid("boom");
              }
              return "fine";
            });
    Lab.Step top = lab.step("top").input(bad);
    assertThatThrownBy(() -> lab.build(top))
        .isInstanceOfSatisfying(
            VertexException.class,
            e -> {
              assertThat(e.vertex()).isEqualTo(bad.digest());
              assertThat(e).hasMessage("boom");
            });
    assertThat(lab.build(top)).isEqualTo("top[fine]");
  }

  @RepeatedTest(10)
  void aFailingInputEndsItsSiblings() throws Exception {
    CountDownLatch running = new CountDownLatch(1);
    Lab.Step slow =
        lab.step("slow")
            .does((context, in) -> {
              running.countDown();
              new CountDownLatch(1).await();
              return "never";
            });
    Lab.Step bad =
        lab.step("bad")
            .does((context, in) -> {
              running.await();
              throw BuildException.invalid("boom");
            });
    assertThatThrownBy(() -> lab.build(lab.step("top").input(slow).input(bad))).hasMessage("boom");
  }

  // --- nested graphs, permits, journals ---

  @Test
  void aStepMaySolveAGraphOfItsOwn() throws Exception {
    Lab.Step inner = lab.step("inner").gives("i");
    Lab.Step outer =
        lab.step("outer").does((context, in) -> "o" + Lab.text(context.build(new Edge(inner, 0))));
    assertThat(lab.build(outer)).isEqualTo("oi");
    assertThat(lab.execs("inner")).isEqualTo(1);
  }

  @Test
  void noMoreStepsRunAtOnceThanPermitted() throws Exception {
    lab = new Lab(2);
    AtomicInteger now = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    Lab.Step top = lab.step("top");
    for (int i = 0; i < 10; i++) {
      top.input(
          lab.step("s" + i)
              .does((context, in) -> {
                most.accumulateAndGet(now.incrementAndGet(), Math::max);
                Thread.sleep(10);
                now.decrementAndGet();
                return "x";
              }));
    }
    lab.build(top);
    assertThat(most).hasValue(2);
  }

  @Test
  void everyStartHasOneEndAndLateWatchersSeeTheSame() throws Exception {
    Lab.Step base = lab.step("base");
    Lab.Step top = lab.step("top").input(base);
    Job job = lab.job();
    job.build(new Edge(top, 0)).close();
    List<ProgressEvent> seen = job.journal().snapshot();
    assertThat(job.journal().read(0).events()).isEqualTo(seen);
    for (Lab.Step step : List.of(base, top)) {
      List<ProgressEvent.VertexState> states = new ArrayList<>();
      for (ProgressEvent event : seen) {
        if (event instanceof ProgressEvent.VertexState state
            && state.vertex().equals(step.digest())) {
          states.add(state);
        }
      }
      assertThat(states.stream().filter(s -> s.started().isPresent() && s.completed().isEmpty()))
          .hasSize(1);
      assertThat(states.stream().filter(s -> s.completed().isPresent())).hasSize(1);
    }
    job.close();
    Job second = lab.job();
    second.build(new Edge(top, 0)).close();
    Set<String> cached = new HashSet<>();
    for (ProgressEvent event : second.journal().snapshot()) {
      if (event instanceof ProgressEvent.VertexState state && state.cached()) {
        assertThat(cached.add(state.name())).as("told once").isTrue();
      }
    }
    assertThat(cached).containsExactlyInAnyOrder("base", "top");
    second.close();
  }

  @Test
  void aJobIdIsUsedOnceAtATime() {
    Job job = lab.solver.newJob("twice", "");
    assertThatThrownBy(() -> lab.solver.newJob("twice", "")).hasMessage("job ID twice exists");
    lab.solver.discard(job);
    Job again = lab.solver.newJob("twice", "");
    lab.solver.discard(again);
  }

  @Test
  void aJobThatNeverComesIsNotFound() {
    assertThatThrownBy(() -> lab.solver.awaitJob("none", Duration.ofMillis(10)))
        .hasMessage("no such job none");
  }

  // --- random graphs against an oracle ---

  /** Values by the plain rule, without any cache. */
  private static String oracle(Lab.Step step, Map<Lab.Step, String> known) {
    String value = known.get(step);
    if (value == null) {
      List<String> inputs = new ArrayList<>();
      for (Edge edge : step.inputs()) {
        inputs.add(oracle((Lab.Step) edge.vertex(), known));
      }
      value = combined(step.name(), inputs);
      known.put(step, value);
    }
    return value;
  }

  /** Few values, so that contents often are equal. */
  private static String combined(String key, List<String> inputs) {
    return "v" + Math.floorMod((key.replaceAll("\\d+$", "") + inputs).hashCode(), 5);
  }

  private List<Lab.Step> randomGraph(Random random, int size, Map<String, AtomicInteger> failing) {
    List<Lab.Step> steps = new ArrayList<>();
    for (int i = 0; i < size; i++) {
      String key = "abcdefgh".charAt(random.nextInt(8)) + "";
      int inputs = steps.isEmpty() ? 0 : random.nextInt(4);
      // an operation's digest always tells how many inputs it has
      Lab.Step step = lab.step(key + i).key(key + "/" + inputs).seed("g" + random.nextInt(3));
      for (int j = 0; j < inputs; j++) {
        step.input(steps.get(random.nextInt(steps.size())));
        if (random.nextBoolean()) {
          step.content(j);
        }
      }
      if (inputs == 0) {
        step.key(key + i);
      }
      if (random.nextInt(12) == 0) {
        step.noCache();
      }
      step.does((context, in) -> {
        AtomicInteger left = failing.get(step.name());
        if (left != null && left.getAndDecrement() > 0) {
          throw BuildException.invalid("random failure");
        }
        return combined(step.name(), in);
      });
      steps.add(step);
    }
    return steps;
  }

  @Test
  void randomGraphsGiveWhatAnUncachedBuildWould() throws Exception {
    for (int seed = 0; seed < STRESS; seed++) {
      lab = new Lab();
      Random random = new Random(seed);
      Map<String, AtomicInteger> failing = new ConcurrentHashMap<>();
      for (int round = 0; round < 3; round++) {
        List<Lab.Step> steps = randomGraph(random, 30, failing);
        failing.put(steps.get(random.nextInt(30)).name(), new AtomicInteger(random.nextInt(2)));
        Map<Lab.Step, String> expected = new HashMap<>();
        List<Callable<Boolean>> builds = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
          Lab.Step top = steps.get(random.nextInt(30));
          oracle(top, expected);
          boolean cancelled = random.nextInt(4) == 0;
          builds.add(() -> {
            Build build = new Build(top);
            if (cancelled) {
              Thread.sleep(1);
              build.thread.interrupt();
            }
            build.thread.join();
            String result = build.result.get();
            if (result != null) {
              assertThat(result).isEqualTo(expected.get(top));
            } else {
              assertThat(build.failure.get())
                  .satisfiesAnyOf(
                      e -> assertThat(e).isInstanceOf(InterruptedException.class),
                      e -> assertThat(e).hasMessage("random failure"));
            }
            return true;
          });
        }
        Scope.all("random builds", builds);
      }
      lab.checkNothingLeft();
    }
  }

  @Test
  void aLongChainNeedsNoDeepStack() throws Exception {
    Lab.Step step = lab.step("s0");
    for (int i = 1; i < 3000; i++) {
      step = lab.step("s" + i).input(step).does((context, in) -> "x");
    }
    assertThat(lab.build(step)).isEqualTo("x");
    lab.forgetCounts();
    assertThat(lab.build(step)).isEqualTo("x");
    assertThat(lab.allExecs()).isZero();
  }

  /** A build on a thread of its own. */
  private final class Build {
    final AtomicReference<String> result = new AtomicReference<>();
    final AtomicReference<Throwable> failure = new AtomicReference<>();
    final Thread thread;

    Build(Lab.Step step) {
      thread =
          Threads.start(
              "build " + step,
              () -> {
                try {
                  result.set(lab.build(step));
                } catch (Throwable e) {
                  failure.set(e);
                }
              });
    }

    /** Until the build waits for somebody else's work. */
    void awaitWaiting() throws InterruptedException {
      while (thread.getState() != Thread.State.WAITING) {
        Thread.sleep(1);
      }
      Thread.sleep(50);
    }
  }

  @Test
  void aDryRunRunsNothingAndTellsOfEachStepThatWould() throws Exception {
    Lab.Step base = lab.step("base");
    lab.build(base);
    Lab.Step left = lab.step("left").input(base);
    Lab.Step right = lab.step("right").input(base).content(0);
    Lab.Step top = lab.step("top").input(left).input(right).content(1);
    lab.forgetCounts();
    Map<String, String> reasons = dryRun(top);
    assertThat(reasons).containsOnlyKeys("base", "top");
    assertThat(reasons.get("top"))
        .isEqualTo("its input left would run, and may come out as before");
    assertThat(lab.allExecs()).isZero();
    lab.build(top);
    assertThat(dryRun(top)).containsOnlyKeys("top"); // found in the cache
    assertThat(lab.execs("top")).isEqualTo(1);
  }

  @Test
  void whoBuildsDoesNotShareWithADryRun() throws Exception {
    Lab.Step top = lab.step("top").input(lab.step("base"));
    Job dry = lab.solver.newJob("dry", "");
    dry.runNothing();
    assertThatThrownBy(() -> dry.build(new Edge(top, 0)))
        .matches(DryRunException::isCauseOf)
        .hasMessageContaining("would have to run");
    assertThat(lab.build(top)).isEqualTo("top[base[]]"); // while the dry run holds its vertices
    assertThatThrownBy(() -> dry.build(new Edge(top, 0))).matches(DryRunException::isCauseOf);
    dry.close();
    lab.solver.discard(dry);
  }

  /** The reasons that a dry run tells, by step. */
  private Map<String, String> dryRun(Lab.Step top) throws Exception {
    Job dry = lab.solver.newJob("dry", "");
    dry.runNothing();
    try {
      dry.build(new Edge(top, 0)).close();
    } catch (Exception e) {
      assertThat(DryRunException.isCauseOf(e)).as(e.toString()).isTrue();
    } finally {
      dry.close();
      lab.solver.discard(dry);
    }
    Map<Digest, String> names = new HashMap<>();
    Map<String, String> out = new TreeMap<>();
    for (ProgressEvent event : dry.journal().snapshot()) {
      if (event instanceof ProgressEvent.VertexState state) {
        names.put(state.vertex(), state.name());
      } else if (event instanceof ProgressEvent.Explained explained) {
        out.put(names.get(explained.vertex()), explained.reason().summary());
      }
    }
    return out;
  }
}
