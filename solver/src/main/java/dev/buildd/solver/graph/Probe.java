package dev.buildd.solver.graph;

import dev.buildd.base.concurrent.Scope;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;

/**
 * One search for a record: climbs the inputs' ladders, cheapest first, until a record is found or a
 * miss is certain.
 */
final class Probe {
  private final ActiveVertex vertex;
  private final EdgeNames edge;
  private final Set<String> excluded;
  private final boolean whole;
  private final BooleanSupplier valueWanted;

  /** What was found. */
  sealed interface Outcome {
    KeySet names();

    /** Records, the best first. */
    record Hit(List<FoundRecord> records, KeySet names) implements Outcome {}

    /**
     * @param heldBack whether some input's content was not compared, because its names led here
     *     anyway
     */
    record Miss(KeySet names, boolean heldBack) implements Outcome {}
  }

  /**
   * @param excluded results that are not wanted
   * @param whole whether contents are compared even of inputs whose names lead here, for which they
   *     may have to be made
   * @param valueWanted whether inputs will be needed once a miss is certain
   */
  Probe(
      ActiveVertex vertex,
      EdgeNames edge,
      Set<String> excluded,
      boolean whole,
      BooleanSupplier valueWanted) {
    this.vertex = vertex;
    this.edge = edge;
    this.excluded = Set.copyOf(excluded);
    this.whole = whole;
    this.valueWanted = valueWanted;
  }

  /** Of a vertex with inputs. */
  Outcome run() throws Exception {
    try (Scope scope = Scope.open("probe " + vertex)) {
      Ladder ladder = new Ladder(scope);
      scope.fork("cachemap " + vertex, () -> vertex.cacheMap(0));
      for (int i = 0; i < vertex.inputs().size(); i++) {
        int input = i;
        scope.fork("climb " + vertex + "#" + i, () -> ladder.climb(input));
      }
      scope.join(); // a hit ends the others, not this: an interrupt here is a cancel
      return ladder.outcome();
    }
  }

  private final class Ladder {
    private final Scope scope;
    private final List<Evidence.Input> views = new ArrayList<>();
    private final List<KeySet> matches = new ArrayList<>();
    private KeySet names = KeySet.EMPTY;
    private List<FoundRecord> hit = List.of();
    private boolean heldBack;

    Ladder(Scope scope) {
      this.scope = scope;
      for (int i = 0; i < vertex.inputs().size(); i++) {
        views.add(new Evidence.Input(Evidence.Level.NONE, true, false));
        matches.add(KeySet.EMPTY);
      }
    }

    void climb(int input) throws Exception {
      ActiveEdge in = vertex.inputs().get(input);
      while (true) {
        Optional<Evidence.Level> to = nextLevel(input);
        if (to.isEmpty()) {
          if (valueWanted.getAsBoolean() && missed()) {
            vertex.argument(input); // it will be needed: get going
          }
          return;
        }
        switch (to.get()) {
          case NONE -> throw new IllegalStateException("nobody climbs to the ground");
          case FAST -> { // the op's map and the input's names are asked for side by side
            KeySet known = in.fastNames();
            CacheMap map = vertex.cacheMap(0);
            offer(map, input, Evidence.Level.FAST, edge.follow(map, input, known));
          }
          case SLOW -> {
            CacheMap map = vertex.cacheMap(0);
            offer(map, input, Evidence.Level.SLOW, edge.follow(map, input, in.slowNames()));
          }
          case CONTENT -> {
            CacheMap map = vertex.cacheMap(0);
            KeySet found = edge.followContent(map, input, in.prepared());
            offer(map, input, Evidence.Level.CONTENT, found);
          }
        }
      }
    }

    private synchronized Optional<Evidence.Level> nextLevel(int input) throws InterruptedException {
      while (true) {
        switch (Evidence.next(views, input, !hit.isEmpty())) {
          case Evidence.Step.Climb(Evidence.Level level) -> {
            if (level == Evidence.Level.CONTENT && !whole && views.get(input).matched()) {
              heldBack = true;
              return Optional.empty();
            }
            return Optional.of(level);
          }
          case Evidence.Step.Stop() -> {
            return Optional.empty();
          }
          case Evidence.Step.Wait() -> wait();
        }
      }
    }

    private synchronized void offer(CacheMap map, int input, Evidence.Level level, KeySet found) {
      matches.set(input, matches.get(input).plus(found));
      views.set(
          input,
          new Evidence.Input(
              level,
              map.dependencies().get(input).content().isPresent(),
              !matches.get(input).isEmpty()));
      names = KeySet.intersection(matches);
      hit = edge.records(names, excluded);
      notifyAll();
      if (!hit.isEmpty()) {
        scope.cancel();
      }
    }

    private synchronized boolean missed() {
      return hit.isEmpty() && Evidence.missProven(views);
    }

    synchronized Outcome outcome() {
      return hit.isEmpty() ? new Outcome.Miss(names, heldBack) : new Outcome.Hit(hit, names);
    }
  }
}
