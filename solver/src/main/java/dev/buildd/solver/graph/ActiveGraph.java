package dev.buildd.solver.graph;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.content.Digest;
import java.time.Clock;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What is wanted now, and by whom: vertices are kept active by their owners, executions by those
 * who share them; both go with the last. One lock guards all of it, and nothing is asked, told to a
 * client or waited for while it is held.
 *
 * <p>Safe for use by many threads.
 */
final class ActiveGraph {
  private final CacheSource main;
  private final Clock clock;
  private final @Nullable Semaphore permits;
  private final RunObserver observer;
  private final BooleanSupplier makeRoom;
  private final Map<ActiveKey, ActiveVertex> actives = new HashMap<>();
  private final Map<Object, Share> executions = new HashMap<>(); // by ExecKey or RecordKey
  private final IdentityHashMap<Owner, Holdings> holdings = new IdentityHashMap<>();

  /**
   * A vertex while it is wanted.
   *
   * @param dry whether it is wanted by those who run nothing; they share nothing with others
   */
  record ActiveKey(Digest digest, boolean ignoreCache, boolean dry) {}

  /**
   * What is being run, whatever the definitions that led to it.
   *
   * @param whole whether on inputs that are here, though the operation only passes them on: what
   *     ran on others may be lost as they are
   */
  record ExecKey(String value, boolean whole) {}

  /** What is being loaded. */
  record RecordKey(CacheSource source, String resultId) {}

  /** An execution, and which of its values is meant. */
  record Share(Execution execution, int output) {}

  /** What an owner holds. */
  private static final class Holdings {
    final Set<ActiveVertex> vertices = new LinkedHashSet<>();
    final Set<Execution> executions = new LinkedHashSet<>();
  }

  ActiveGraph(
      CacheSource main,
      Clock clock,
      @Nullable Semaphore permits,
      RunObserver observer,
      BooleanSupplier makeRoom) {
    this.main = main;
    this.clock = clock;
    this.permits = permits;
    this.observer = observer;
    this.makeRoom = makeRoom;
  }

  /** Frees space on a full disk; without the lock. Says whether to try once more. */
  boolean makeRoom() {
    return makeRoom.getAsBoolean();
  }

  CacheSource main() {
    return main;
  }

  Clock clock() {
    return clock;
  }

  RunObserver observer() {
    return observer;
  }

  /** How many steps may run at once; null if there is no limit. */
  @Nullable Semaphore permits() {
    return permits;
  }

  synchronized int activeCount() {
    return actives.size();
  }

  synchronized int executionCount() {
    return executions.size();
  }

  private Holdings holdingsOf(Owner owner) {
    return holdings.computeIfAbsent(owner, _ -> new Holdings());
  }

  // ---- vertices

  /** Makes the edge's vertex active, and all that it depends on, on behalf of the owner. */
  synchronized ActiveEdge load(Edge edge, Owner owner) {
    Set<Job> jobs = jobsOf(owner);
    IdentityHashMap<Vertex, ActiveVertex> seen = new IdentityHashMap<>();
    Deque<Vertex> pending = new ArrayDeque<>(List.of(edge.vertex()));
    while (!pending.isEmpty()) { // a chain may be tens of thousands long: no recursion
      Vertex vertex = pending.peek();
      if (seen.containsKey(vertex)) {
        pending.pop();
        continue;
      }
      boolean ready = true;
      for (Edge input : vertex.inputs()) {
        if (!seen.containsKey(input.vertex())) {
          pending.push(input.vertex());
          ready = false;
        }
      }
      if (ready) {
        pending.pop();
        seen.put(vertex, activate(vertex, owner, jobs, seen));
      }
    }
    return find(seen, edge);
  }

  private static ActiveEdge find(IdentityHashMap<Vertex, ActiveVertex> seen, Edge edge) {
    ActiveVertex vertex = seen.get(edge.vertex());
    if (vertex == null) {
      throw new IllegalStateException("inputs come before " + edge.vertex().name());
    }
    return vertex.edge(edge.output());
  }

  private ActiveVertex activate(
      Vertex vertex, Owner owner, Set<Job> jobs, IdentityHashMap<Vertex, ActiveVertex> seen) {
    boolean dry = jobs.stream().anyMatch(Job::isDry);
    // a caching vertex may join an uncached one, never the other way round
    ActiveVertex active = actives.get(new ActiveKey(vertex.digest(), true, dry));
    if (active == null && !vertex.ignoreCache()) {
      active = actives.get(new ActiveKey(vertex.digest(), false, dry));
    }
    if (active == null) {
      List<ActiveEdge> inputs = new ArrayList<>(vertex.inputs().size());
      for (Edge input : vertex.inputs()) {
        inputs.add(find(seen, input));
      }
      active = new ActiveVertex(this, vertex, inputs, dry);
      actives.put(active.key(), active);
    }
    active.own(owner, vertex.cacheSources());
    if (holdingsOf(owner).vertices.add(active)) {
      watch(List.of(active), jobs);
    }
    return active;
  }

  /** The jobs are told of these vertices and of the graphs that their executions solve. */
  private void watch(Iterable<ActiveVertex> vertices, Set<Job> jobs) {
    Set<ActiveVertex> seen = new HashSet<>();
    Deque<ActiveVertex> pending = new ArrayDeque<>();
    vertices.forEach(pending::add);
    while (!pending.isEmpty()) {
      ActiveVertex next = pending.poll();
      if (seen.add(next)) {
        jobs.forEach(job -> next.progress().watch(job.journal()));
        nested(next, pending);
      }
    }
  }

  private void nested(ActiveVertex vertex, Deque<ActiveVertex> into) {
    Holdings held = holdings.get(vertex);
    if (held != null) {
      into.addAll(held.vertices);
      for (Execution execution : held.executions) {
        Holdings solved = holdings.get(execution);
        if (solved != null) {
          into.addAll(solved.vertices);
        }
      }
    }
  }

  /** The jobs for which an owner stands, in the order in which they came. */
  private static Set<Job> jobsOf(Owner owner) {
    if (owner instanceof Job job) {
      return Set.of(job);
    }
    Set<Job> out = new LinkedHashSet<>();
    Set<Owner> seen = new HashSet<>();
    Deque<Owner> pending = new ArrayDeque<>(List.of(owner));
    while (!pending.isEmpty()) {
      Owner next = pending.poll();
      if (seen.add(next)) {
        switch (next) {
          case Job job -> out.add(job);
          case ActiveVertex vertex -> pending.addAll(vertex.owners());
          case Execution execution -> pending.addAll(execution.sharers.keySet());
        }
      }
    }
    return out;
  }

  synchronized List<String> sessionsOf(Owner owner) {
    return jobsOf(owner).stream().map(Job::session).filter(s -> !s.isEmpty()).distinct().toList();
  }

  /** The build that wants it, of several the first; empty if all have left. */
  synchronized String buildOf(Owner owner) {
    return jobsOf(owner).stream().map(Job::id).findFirst().orElse("");
  }

  synchronized List<Memo> memosOf(Owner owner) {
    return jobsOf(owner).stream().map(Job::memo).toList();
  }

  // ---- executions

  /**
   * Shares the execution under this key, or begins one. The vertex then waits for the values, and
   * has them until it is no longer active, or until it {@link #leave leaves}.
   */
  Share share(Object key, ActiveVertex by, int output, Supplier<Execution> fresh) {
    Share found;
    boolean finished;
    synchronized (this) {
      found = executions.get(key);
      if (found == null || (by.key().ignoreCache() && !found.execution().ignoresCache())) {
        Execution begun = fresh.get();
        begun.inputs.forEach(input -> hold(input, begun));
        found = new Share(begun, output);
        enter(key, found);
      }
      finished = found.execution().hasValues();
      hold(found.execution(), by);
      found.execution().want();
      Holdings solved = holdings.get(found.execution());
      if (solved != null) {
        watch(solved.vertices, jobsOf(by));
      }
    }
    if (finished && key instanceof RecordKey) {
      // what a build that is still open has made or loaded: for this vertex it is a hit
      found.execution().progress().forwardFromNowTo(by.progress());
    } else {
      found.execution().progress().forwardTo(by.progress());
    }
    return found;
  }

  private void enter(Object key, Share held) {
    executions.put(key, held);
    held.execution().keys.add(key);
  }

  private void hold(Execution execution, Owner by) {
    execution.sharers.merge(by, 1, Integer::sum);
    holdingsOf(by).executions.add(execution);
  }

  /** Nobody finds the execution any more; those who share it keep it. */
  synchronized void forget(Execution execution) {
    for (Object key : execution.keys) {
      Share known = executions.get(key);
      if (known != null && known.execution() == execution) {
        executions.remove(key);
      }
    }
    execution.keys.clear();
  }

  /** Lets a record be answered by the value that was just made, so that nobody loads it. */
  synchronized void alias(SharedResult result, Execution execution, int output) {
    RecordKey key = new RecordKey(main, result.id());
    if (!execution.sharers.isEmpty() && !executions.containsKey(key)) {
      enter(key, new Share(execution, output));
    }
  }

  /** Ends one share of a vertex in an execution. If it was the last, the work has then ended. */
  void leave(Execution execution, ActiveVertex by) {
    Leaving leaving = new Leaving();
    synchronized (this) {
      leaving.unhold(execution, by, 1);
      leaving.proceed();
    }
    leaving.finish();
  }

  /** Lets go of all that the owner holds, and of what nobody else holds then. */
  void release(Owner owner) {
    Leaving leaving = new Leaving();
    synchronized (this) {
      leaving.owners.add(owner);
      leaving.proceed();
    }
    leaving.finish();
  }

  /** What goes because somebody went: first decided under the lock, then done without it. */
  private final class Leaving {
    final Deque<Owner> owners = new ArrayDeque<>(); // that let go of all they hold
    final Map<Execution, CountDownLatch> ending = new LinkedHashMap<>();
    final List<Execution> closing = new ArrayList<>();

    void unhold(Execution execution, Owner by, int times) {
      if (!execution.sharers.containsKey(by)
          || execution.sharers.computeIfPresent(by, (_, n) -> n > times ? n - times : null)
              != null) {
        return;
      }
      Holdings held = holdings.get(by);
      if (held != null) {
        held.executions.remove(execution);
      }
      if (by instanceof ActiveVertex vertex) {
        execution.progress().endForwardingTo(vertex.progress());
        Holdings solved = holdings.get(execution);
        if (solved != null) {
          jobsOf(vertex).forEach(job -> solved.vertices.forEach(child -> unwatch(child, job)));
        }
      }
      if (execution.sharers.isEmpty()) {
        end(execution);
      } else {
        execution.left();
      }
    }

    private void end(Execution execution) {
      CountDownLatch over = execution.cancel();
      if (over != null) {
        ending.put(execution, over); // found until it is over, so that nobody runs beside it
      } else if (!execution.closed) {
        execution.closed = true;
        forget(execution);
        closing.add(execution);
        owners.add(execution);
      }
    }

    void proceed() {
      while (!owners.isEmpty()) {
        Owner owner = owners.poll();
        Holdings held = holdings.remove(owner);
        if (held != null) {
          held.vertices.forEach(vertex -> disown(vertex, owner));
          held.executions.forEach(execution -> unhold(execution, owner, Integer.MAX_VALUE));
        }
      }
    }

    private void disown(ActiveVertex vertex, Owner owner) {
      vertex.disown(owner);
      if (owner instanceof Job job && !jobsOf(vertex).contains(job)) {
        unwatch(vertex, job);
      }
      if (vertex.owners().isEmpty() && actives.remove(vertex.key(), vertex)) {
        owners.add(vertex);
      }
    }

    private void unwatch(ActiveVertex vertex, Job job) {
      Deque<ActiveVertex> pending = new ArrayDeque<>(List.of(vertex));
      Set<ActiveVertex> seen = new HashSet<>();
      while (!pending.isEmpty()) {
        ActiveVertex next = pending.poll();
        if (seen.add(next) && !jobsOf(next).contains(job)) {
          next.progress().unwatch(job.journal());
          nested(next, pending);
        }
      }
    }

    void finish() {
      while (!ending.isEmpty() || !closing.isEmpty()) {
        closing.forEach(e -> Cleanup.run("let go of what " + e + " made", e::close));
        closing.clear();
        Map<Execution, CountDownLatch> waiting = new LinkedHashMap<>(ending);
        ending.clear();
        waiting.values().forEach(Scope::awaitUninterruptibly);
        synchronized (ActiveGraph.this) {
          for (Execution execution : waiting.keySet()) {
            if (execution.sharers.isEmpty()) {
              end(execution);
            }
          }
          proceed();
        }
      }
    }
  }
}
