package dev.buildd.solver.graph;

import dev.buildd.base.concurrent.Flight;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One output of an active vertex, and the questions that can be asked of it: its names ({@link
 * EdgeNames}), what a search for records finds ({@link Probe}), its value ({@link Loading} or
 * {@link Running}), and the value with what it stands for.
 */
final class ActiveEdge {
  private static final Logger log = LoggerFactory.getLogger(ActiveEdge.class);

  private final ActiveVertex vertex;
  private final EdgeNames edge;
  private final Loading loading;
  private final Running running;
  private final Answer<KeySet> fast;
  private final Answer<Probe.Outcome> slow;
  private final Flight<Solved> result;
  private final Flight<Solved> prepared;
  private volatile Set<CacheSource> solvedWith = Set.of(); // the caches known then
  private volatile boolean resultWanted; // lets a proven miss start all inputs at once
  private volatile boolean used; // by an operation, which needs what the value stands for

  /** What caches say: asked again when more are known. */
  private final class Answer<T> {
    private final String name;
    private final Callable<T> question;
    private Set<CacheSource> asked; // guarded by this
    private Flight<T> flight; // guarded by this

    Answer(String name, Callable<T> question) {
      this.name = name;
      this.question = question;
      asked = vertex.sources();
      flight = new Flight<>(name, question);
    }

    T join() throws Exception {
      return flight().join();
    }

    private synchronized Flight<T> flight() {
      Set<CacheSource> known = vertex.sources();
      if (!asked.containsAll(known)) {
        asked = known;
        flight = new Flight<>(name, question);
      }
      return flight;
    }
  }

  ActiveEdge(ActiveVertex vertex, int output) {
    this.vertex = vertex;
    edge = new EdgeNames(vertex, output);
    loading = new Loading(vertex);
    running = new Running(vertex, output, edge, loading);
    String name = vertex.vertex().name() + "." + output;
    fast = new Answer<>("fast " + name, edge::byDefinition);
    slow = new Answer<>("slow " + name, () -> probe(Set.of(), resultWanted));
    result = new Flight<>("result " + name, () -> solve(new HashSet<>()));
    prepared = new Flight<>("prepared " + name, this::prepare);
  }

  ActiveVertex vertex() {
    return vertex;
  }

  /** The value; loads or makes it if need be. What it stands for may still be elsewhere. */
  Solved solved() throws Exception {
    return result.join();
  }

  /** The value, and what it stands for is here. */
  Solved prepared() throws Exception {
    used = true; // in time for most, whose value then is not given out before it is here
    return prepared.join();
  }

  /** Names known without running or loading anything. */
  KeySet fastNames() throws Exception {
    Optional<Solved> known = result.peek();
    return known.isPresent() ? usable(known.get()) : fast.join();
  }

  /** Names known after comparing contents of inputs where that can help. */
  KeySet slowNames() throws Exception {
    Optional<Solved> known = result.peek();
    if (known.isPresent()) {
      return usable(known.get());
    }
    return vertex.key().ignoreCache() ? KeySet.EMPTY : slow.join().names();
  }

  /** The value's names, and those that caches have for it which another build brought since. */
  private KeySet usable(Solved solved) throws Exception {
    if (!solved.probeable()) {
      return KeySet.EMPTY;
    }
    Set<CacheSource> later = new LinkedHashSet<>(vertex.sources());
    later.removeAll(solvedWith);
    return later.isEmpty() ? solved.names() : solved.names().plus(fast.join().in(later));
  }

  private Probe.Outcome probe(Set<String> excluded, boolean whole) throws Exception {
    if (vertex.inputs().isEmpty()) {
      KeySet names = fastNames();
      List<FoundRecord> found = edge.records(names, excluded);
      return found.isEmpty()
          ? new Probe.Outcome.Miss(names, false)
          : new Probe.Outcome.Hit(found, names);
    }
    return new Probe(vertex, edge, excluded, whole, () -> resultWanted).run();
  }

  // ---- the value

  /**
   * @param failed results that could not be had, to which others are added
   */
  private Solved solve(Set<String> failed) throws Exception {
    resultWanted = true;
    solvedWith = vertex.sources();
    if (!vertex.key().ignoreCache()) {
      Probe.Outcome probed;
      try {
        probed = failed.isEmpty() ? slow.join() : probe(failed, true);
      } catch (Exception e) {
        if (!vertex.mayNotRun() || !DryRunException.isCauseOf(e)) {
          throw e;
        }
        probed = new Probe.Outcome.Miss(KeySet.EMPTY, false); // for all that can be known
      }
      if (probed instanceof Probe.Outcome.Miss(KeySet _, boolean heldBack) && heldBack) {
        probed = probe(failed, true);
      }
      while (probed instanceof Probe.Outcome.Hit(List<FoundRecord> records, KeySet names)) {
        FoundRecord first = records.getFirst();
        if (vertex.sources().contains(first.source())) { // else its build has ended
          try {
            return loading.load(first, names, used);
          } catch (Exception e) { // a record that cannot be loaded is a miss, not a failed build
            vertex.missed(first, e);
          }
        }
        failed.add(first.resultId());
        probed = probe(failed, true);
      }
    }
    return running.run(new Running.Wish(used, failed.isEmpty(), false));
  }

  /**
   * The value with what it stands for. What turns out to be gone is made again: as after a miss if
   * it came from a record; from inputs that are here if the operation passed on what it was given.
   */
  private Solved prepare() throws Exception {
    Solved solved = result.join();
    Set<String> failed = new HashSet<>();
    boolean again = false;
    while (true) {
      try {
        solved.value().prepare();
        return solved;
      } catch (InterruptedException e) {
        throw e;
      } catch (Exception e) {
        Solved lost = solved;
        boolean passedOn = !vertex.vertex().op().usesInputs() && !vertex.inputs().isEmpty();
        if (lost.record().isEmpty() && (!passedOn || again)) {
          throw vertex.named(e);
        }
        vertex.graph().forget(lost.execution());
        if (lost.record().isPresent()) {
          vertex.missed(lost.record().get(), e);
          failed.add(lost.record().get().resultId());
          solved = solve(failed);
        } else {
          log.info("a result is gone and is made again step={} error={}", vertex, e.toString());
          again = true;
          solved = running.run(new Running.Wish(true, false, true));
        }
      }
    }
  }
}
