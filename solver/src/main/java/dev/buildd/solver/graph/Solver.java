package dev.buildd.solver.graph;

import dev.buildd.base.concurrent.Flight;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;

/**
 * The graph of everything being solved, shared by all jobs.
 *
 * <p>Three questions are asked of an output of a vertex, each a shared computation: its names as
 * far as definitions tell, its names after comparing contents, its value. A question waits only for
 * questions of the vertex's inputs or an earlier one of its own, so the waiting follows the graph
 * and cannot deadlock.
 *
 * <p>Safe for use by many threads.
 */
public final class Solver {
  private final CacheSource main;
  private final Clock clock;
  private final Optional<Semaphore> permits;
  private final Map<ActiveKey, ActiveVertex> actives = new HashMap<>();
  private final Map<Object, Held> held = new HashMap<>(); // by ExecKey or RecordKey
  private final Map<String, Job> jobs = new HashMap<>();

  /** A vertex while it is wanted. */
  record ActiveKey(Digest digest, boolean ignoreCache) {}

  /** What is being run, whatever the definitions that led to it. */
  record ExecKey(String value) {}

  record RecordKey(CacheSource source, String resultId) {}

  /** A value some active vertex holds or is computing, and which of its outputs is meant. */
  record Held(SharedValues values, int output) {}

  /**
   * @param main the daemon's own cache, where results are recorded
   * @param maxParallelism how many steps may run at once; zero means no limit
   */
  public Solver(CacheSource main, Clock clock, int maxParallelism) {
    this.main = main;
    this.clock = clock;
    this.permits =
        maxParallelism > 0 ? Optional.of(new Semaphore(maxParallelism, true)) : Optional.empty();
  }

  CacheSource main() {
    return main;
  }

  Optional<Semaphore> permits() {
    return permits;
  }

  /** Opens a job; the id must not be in use. */
  public synchronized Job newJob(String id, String session) {
    if (jobs.containsKey(id)) {
      throw new BuildException(Category.ALREADY_EXISTS, "job ID " + id + " exists");
    }
    Job job = new Job(this, id, session);
    jobs.put(id, job);
    notifyAll();
    return job;
  }

  /** The open job with this id, for which it waits a while; clients' calls come in any order. */
  public synchronized Job awaitJob(String id, Duration patience) throws InterruptedException {
    long deadline = System.nanoTime() + patience.toNanos();
    while (true) {
      Job job = jobs.get(id);
      if (job != null) {
        return job;
      }
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        throw BuildException.notFound("no such job " + id);
      }
      wait(left / 1_000_000 + 1);
    }
  }

  /** Forgets the job's id, so that late watchers no longer find it. */
  public synchronized void discard(Job job) {
    jobs.remove(job.id(), job);
    job.journal().close();
  }

  public synchronized int jobCount() {
    return jobs.size();
  }

  public synchronized int activeCount() {
    return actives.size();
  }

  public synchronized int heldCount() {
    return held.size();
  }

  // ---- the active graph

  synchronized ActiveEdge load(Edge edge, Object owner, Set<ActiveVertex> owned) {
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
        seen.put(vertex, activate(vertex, owner, owned, seen));
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
      Vertex vertex,
      Object owner,
      Set<ActiveVertex> owned,
      IdentityHashMap<Vertex, ActiveVertex> seen) {
    // a caching vertex may join an uncached one, never the other way round
    ActiveVertex active = actives.get(new ActiveKey(vertex.digest(), true));
    if (active == null && !vertex.ignoreCache()) {
      active = actives.get(new ActiveKey(vertex.digest(), false));
    }
    if (active == null) {
      List<ActiveEdge> inputs = new ArrayList<>(vertex.inputs().size());
      for (Edge input : vertex.inputs()) {
        inputs.add(find(seen, input));
      }
      active = new ActiveVertex(this, vertex, inputs, clock);
      actives.put(active.key(), active);
    }
    if (active.owners.add(owner)) {
      owned.add(active);
      for (Job job : jobsOf(owner)) {
        active.progress().watch(job.journal());
      }
    }
    active.addSources(vertex.cacheSources());
    return active;
  }

  /** The jobs for which an owner stands: itself, or those that own the vertex it is. */
  private static Set<Job> jobsOf(Object owner) {
    Set<Job> out = new LinkedHashSet<>();
    Set<Object> seen = new HashSet<>();
    Deque<Object> pending = new ArrayDeque<>(List.of(owner));
    while (!pending.isEmpty()) {
      Object next = pending.poll();
      if (!seen.add(next)) {
        continue;
      }
      if (next instanceof Job job) {
        out.add(job);
      } else if (next instanceof ActiveVertex vertex) {
        pending.addAll(vertex.owners);
      }
    }
    return out;
  }

  synchronized List<String> sessionsOf(ActiveVertex vertex) {
    return jobsOf(vertex).stream().map(Job::session).filter(s -> !s.isEmpty()).distinct().toList();
  }

  synchronized List<Memory> memoriesOf(ActiveVertex vertex) {
    return jobsOf(vertex).stream().map(Job::memory).toList();
  }

  void disown(Object owner, Set<ActiveVertex> owned) {
    List<SharedValues> released = new ArrayList<>();
    synchronized (this) {
      Deque<Map.Entry<Object, Set<ActiveVertex>>> pending = new ArrayDeque<>();
      pending.add(Map.entry(owner, owned));
      while (!pending.isEmpty()) {
        Map.Entry<Object, Set<ActiveVertex>> next = pending.poll();
        for (ActiveVertex vertex : next.getValue()) {
          vertex.owners.remove(next.getKey());
          if (next.getKey() instanceof Job job && !jobsOf(vertex).contains(job)) {
            vertex.progress().unwatch(job.journal());
          }
          if (vertex.owners.isEmpty() && actives.remove(vertex.key(), vertex)) {
            drop(vertex, released);
            pending.add(Map.entry(vertex, vertex.children));
          }
        }
        next.getValue().clear();
      }
    }
    released.forEach(SharedValues::release);
  }

  private void drop(ActiveVertex vertex, List<SharedValues> released) {
    for (SharedValues values : vertex.holds) {
      if (values.owners.remove(vertex) && values.owners.isEmpty()) {
        for (Object key : values.keys) {
          Held known = held.get(key);
          if (known != null && known.values() == values) {
            held.remove(key);
          }
        }
        released.add(values);
      }
    }
    vertex.holds.clear();
  }

  // ---- values held in memory

  /** Values that several active vertices may hold at once: one execution's outputs, or one load. */
  static final class SharedValues {
    final Set<ActiveVertex> owners = new HashSet<>(); // guarded by the solver
    final List<Object> keys = new ArrayList<>(); // guarded by the solver
    final Set<Integer> saved = new HashSet<>(); // guarded by this
    final ActiveVertex runner;
    final boolean ignoreCache;
    final Flight<List<Result>> flight;

    SharedValues(ActiveVertex runner, Callable<List<Result>> body) {
      this.runner = runner;
      this.ignoreCache = runner.key().ignoreCache();
      this.flight = new Flight<>(runner.vertex().name(), body);
    }

    void release() {
      flight.peek().ifPresent(values -> values.forEach(Result::close));
    }
  }

  /** Joins whoever holds or computes the value under this key, or begins it. */
  Held hold(Object key, ActiveVertex by, int output, Callable<List<Result>> body) {
    Held found;
    synchronized (this) {
      found = held.get(key);
      if (found == null || (by.key().ignoreCache() && !found.values().ignoreCache)) {
        found = new Held(new SharedValues(by, body), output);
        held.put(key, found);
        found.values().keys.add(key);
      }
      if (found.values().owners.add(by)) {
        by.holds.add(found.values());
      }
    }
    found.values().runner.progress().follow(by.progress());
    return found;
  }

  synchronized void forget(Object key, Held known) {
    held.remove(key, known);
  }

  /** Lets a record be answered by the value that was just made, so that nobody loads it. */
  synchronized void alias(Result result, SharedValues values, int output) {
    RecordKey key = new RecordKey(main, result.id());
    if (!values.owners.isEmpty() && held.putIfAbsent(key, new Held(values, output)) == null) {
      values.keys.add(key);
    }
  }

  @Nullable ActiveVertex active(ActiveKey key) {
    synchronized (this) {
      return actives.get(key);
    }
  }
}
