package dev.buildd.solver.graph;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.concurrent.Schedule;
import dev.buildd.base.error.BuildException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Builds of equal content and different definitions that join, cancel, fail and lose results under
 * each other's hands, in thousands of interleavings: a seed is one of them. No build fails that was
 * not cancelled or made to fail, each step runs once, and nothing is left.
 *
 * <p>{@code -Dschedules=N} sets how many are tried, {@code -Dschedule=SEED} runs one alone.
 */
@Timeout(600)
class ScheduledBuildsTest {
  private static final int SCHEDULES = Integer.getInteger("schedules", 3_000);

  @Test
  void overlappingBuildsDoNotHurtEachOther() throws Exception {
    Integer only = Integer.getInteger("schedule");
    if (only != null) {
      new Round(only).run();
      return;
    }
    for (int seed = 0; seed < SCHEDULES; seed++) {
      new Round(seed).run();
    }
  }

  /** What a step does, whoever defines it. */
  private record Recipe(
      String name, List<Integer> inputs, Set<Integer> byContent, boolean passesOn, int nested) {}

  private static final class Round {
    private final int seed;
    private final Random random;
    private final Lab lab = new Lab();
    private final List<Recipe> recipes = new ArrayList<>();
    private final Map<String, AtomicInteger> finished = new ConcurrentHashMap<>();
    private final Set<String> failing = new HashSet<>();
    private final boolean losing;
    private final List<String> faults = new ArrayList<>();

    Round(int seed) {
      this.seed = seed;
      random = new Random(seed);
      losing = random.nextInt(3) == 0;
      int size = 3 + random.nextInt(6);
      for (int i = 0; i < size; i++) {
        List<Integer> inputs = new ArrayList<>();
        Set<Integer> byContent = new HashSet<>();
        for (int j = 0; i > 0 && j < random.nextInt(3); j++) {
          if (random.nextBoolean()) {
            byContent.add(inputs.size());
          }
          inputs.add(random.nextInt(i));
        }
        boolean passesOn = !inputs.isEmpty() && random.nextInt(5) == 0;
        int nested = i > 0 && !passesOn && random.nextInt(6) == 0 ? random.nextInt(i) : -1;
        recipes.add(new Recipe("s" + i, inputs, byContent, passesOn, nested));
      }
      if (random.nextInt(4) == 0) {
        failing.add("s" + random.nextInt(size));
      }
    }

    /** One client's definition of the steps: equal in content to another's, and yet another. */
    private final class Client {
      private final Map<Integer, Lab.Step> steps = new HashMap<>();

      Lab.Step step(int number) {
        Lab.Step known = steps.get(number);
        if (known != null) {
          return known;
        }
        Recipe recipe = recipes.get(number);
        Lab.Step step = lab.step(recipe.name());
        for (int input : recipe.inputs()) {
          step.input(step(input));
        }
        recipe.byContent().forEach(step::content);
        if (recipe.passesOn()) {
          step.passesOn();
        } else {
          Lab.Step inner = recipe.nested() < 0 ? null : step(recipe.nested());
          step.does((context, in) -> work(recipe, context, in, inner));
        }
        steps.put(number, step);
        return step;
      }
    }

    private String work(
        Recipe recipe, OpContext context, List<String> inputs, Lab.@Nullable Step inner)
        throws Exception {
      sessionsOf(context, recipe);
      String more = "";
      if (inner != null) {
        more = Lab.text(context.build(new Edge(inner, 0)));
      }
      for (int i = 0; i < 3; i++) {
        lab.pause.run();
        if (Thread.interrupted()) {
          throw new InterruptedException();
        }
      }
      context.progress().log(1, new byte[] {'x'});
      sessionsOf(context, recipe);
      if (failing.contains(recipe.name())) {
        throw BuildException.invalid("made to fail");
      }
      finished.computeIfAbsent(recipe.name(), n -> new AtomicInteger()).incrementAndGet();
      return recipe.name() + inputs + more;
    }

    /** A step sees the sessions of those who want it; one that nobody wants is soon interrupted. */
    private void sessionsOf(OpContext context, Recipe recipe) throws InterruptedException {
      for (int i = 0; context.sessions().isEmpty(); i++) {
        if (Thread.interrupted()) {
          throw new InterruptedException();
        }
        if (i == 10_000) {
          faults.add(recipe.name() + " runs for nobody");
          return;
        }
        Thread.yield();
      }
    }

    private String expected(int number) {
      Recipe recipe = recipes.get(number);
      List<String> inputs = recipe.inputs().stream().map(this::expected).toList();
      if (recipe.passesOn()) {
        return inputs.getFirst();
      }
      return recipe.name() + inputs + (recipe.nested() < 0 ? "" : expected(recipe.nested()));
    }

    private boolean mayFail(int number) {
      Recipe recipe = recipes.get(number);
      return failing.contains(recipe.name())
          || recipe.inputs().stream().anyMatch(this::mayFail)
          || (recipe.nested() >= 0 && mayFail(recipe.nested()));
    }

    void run() throws Exception {
      try (Schedule schedule = new Schedule(seed)) {
        lab.pause = schedule::pause;
        int builds = 2 + random.nextInt(5);
        for (int i = 0; i < builds; i++) {
          int top = recipes.size() - 1 - random.nextInt(Math.min(2, recipes.size()));
          int delay = random.nextInt(40);
          boolean cancelled = random.nextInt(3) == 0;
          Thread build =
              schedule.start(
                  "build" + i,
                  () -> {
                    wander(delay);
                    build(top, cancelled);
                  });
          if (cancelled) {
            int patience = random.nextInt(120);
            schedule.start(
                "cancel" + i,
                () -> {
                  wander(patience);
                  build.interrupt();
                });
          }
        }
        if (losing) {
          int patience = random.nextInt(200);
          schedule.start("lose", () -> loseOne(patience));
        }
        schedule.run();
        lab.pause = () -> {};
        check();
      } catch (Throwable e) {
        throw new AssertionError("seed " + seed + ": " + e.getMessage(), e);
      }
    }

    private void wander(int steps) {
      for (int i = 0; i < steps && !Thread.currentThread().isInterrupted(); i++) {
        Thread.yield();
      }
    }

    private void loseOne(int patience) {
      wander(patience);
      List<String> all = lab.everything();
      if (!all.isEmpty()) {
        lab.lose(all.get(Math.floorMod(seed, all.size())));
      }
    }

    private void build(int top, boolean cancelled) {
      Job job = lab.job();
      try (job) {
        try (SharedResult result = job.build(new Edge(new Client().step(top), 0))) {
          if (!Lab.text(result).equals(expected(top))) {
            faults.add("wrong result of s" + top + ": " + Lab.text(result));
          }
        }
        wholeStory(job);
      } catch (InterruptedException e) {
        if (!cancelled) {
          faults.add("interrupted, though nobody did");
        }
      } catch (Throwable e) {
        if (!(mayFail(top) && "made to fail".equals(e.getMessage()))) {
          faults.add("failed: " + e + " caused by " + e.getCause());
        }
      } finally {
        lab.solver.discard(job);
      }
    }

    /** Whatever began has ended, in this order, before the build did. */
    private void wholeStory(Job job) {
      Map<Object, ProgressEvent.VertexState> last = new HashMap<>();
      for (ProgressEvent event : job.journal().snapshot()) {
        if (event instanceof ProgressEvent.VertexState state) {
          last.put(state.vertex(), state);
        } else if (last.get(event.vertex()) == null
            || last.get(event.vertex()).started().isEmpty()) {
          faults.add("told of work before its beginning: " + event);
        }
      }
      for (ProgressEvent.VertexState state : last.values()) {
        if (state.started().isPresent() && state.completed().isEmpty() && failing.isEmpty()) {
          faults.add("began and never ended: " + state);
        }
      }
    }

    private void check() {
      assertThat(faults).isEmpty();
      if (!losing) {
        finished.forEach((name, times) -> assertThat(times).as("runs of " + name).hasValue(1));
      }
      lab.checkNothingLeft();
    }
  }
}
