package dev.buildd.solver.graph;

import dev.buildd.base.concurrent.Flight;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import java.time.Clock;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;

/** A vertex while somebody wants it. */
final class ActiveVertex implements OpContext {
  private final Solver solver;
  private final Solver.ActiveKey key;
  private final Vertex vertex;
  private final List<ActiveEdge> inputs;
  private final VertexProgress progress;
  final Set<Object> owners =
      new HashSet<>(); // jobs and parents of nested graphs; guarded by solver
  final Set<ActiveVertex> children = new HashSet<>(); // guarded by solver
  final List<Solver.SharedValues> holds = new ArrayList<>(); // guarded by solver
  private final Map<Integer, ActiveEdge> edges = new HashMap<>(); // guarded by solver
  private final Set<CacheSource> sources = new LinkedHashSet<>(); // guarded by itself
  private final Map<Integer, Flight<CacheMap>> cacheMaps = new ConcurrentHashMap<>();
  private final Map<Integer, Flight<Digest>> contents = new ConcurrentHashMap<>();

  ActiveVertex(Solver solver, Vertex vertex, List<ActiveEdge> inputs, Clock clock) {
    this.solver = solver;
    this.vertex = vertex;
    this.inputs = List.copyOf(inputs);
    this.key = new Solver.ActiveKey(vertex.digest(), vertex.ignoreCache());
    this.progress =
        new VertexProgress(
            clock,
            new ProgressEvent.VertexState(
                vertex.digest(),
                vertex.inputs().stream().map(e -> e.vertex().digest()).toList(),
                vertex.name(),
                vertex.progressGroup(),
                Optional.empty(),
                Optional.empty(),
                false,
                ""));
    sources.add(solver.main());
  }

  Solver solver() {
    return solver;
  }

  Solver.ActiveKey key() {
    return key;
  }

  @Override
  public Digest vertexDigest() {
    return vertex.digest();
  }

  Vertex vertex() {
    return vertex;
  }

  List<ActiveEdge> inputs() {
    return inputs;
  }

  ActiveEdge edge(int output) {
    synchronized (solver) {
      return edges.computeIfAbsent(output, o -> new ActiveEdge(this, o));
    }
  }

  void addSources(List<CacheSource> added) {
    if (!added.isEmpty()) {
      synchronized (sources) {
        sources.addAll(added);
      }
    }
  }

  int sourceCount() {
    synchronized (sources) {
      return sources.size();
    }
  }

  /** In the order in which they became known. */
  List<CacheSource> sources() {
    synchronized (sources) {
      return List.copyOf(sources);
    }
  }

  CacheMap cacheMap(int index) throws Exception {
    return cacheMaps
        .computeIfAbsent(
            index,
            n ->
                new Flight<>(
                    "cachemap " + vertex.name(),
                    () ->
                        naming(() ->
                            saying(
                                "failed to load cache key", () -> vertex.op().cacheMap(this, n)))))
        .join();
  }

  /** The digest of what this vertex uses of an input's content. */
  Digest content(int input) throws Exception {
    return contents
        .computeIfAbsent(
            input,
            n ->
                new Flight<>(
                    "content " + vertex.name() + "#" + n,
                    () -> {
                      Result value = inputs.get(n).prepared().result();
                      CacheMap.ContentDigest content =
                          cacheMap(0).dependencies().get(n).content().orElseThrow();
                      return naming(() ->
                          saying("failed to compute cache key", () -> content.of(value, this)));
                    }))
        .join();
  }

  /** Tells that the result was there already, and so nothing that leads to it had to be made. */
  void cached() {
    Deque<ActiveVertex> pending = new ArrayDeque<>(List.of(this));
    while (!pending.isEmpty()) {
      ActiveVertex next = pending.pop();
      if (next.progress.cached()) {
        next.inputs.forEach(input -> pending.push(input.vertex()));
      }
    }
  }

  /** Says what was being done when something failed. */
  private static <T> T saying(String what, Callable<T> body) throws Exception {
    try {
      return body.call();
    } catch (InterruptedException | SolveException e) {
      throw e;
    } catch (Exception e) {
      String text = e.getMessage() == null ? e.toString() : e.getMessage();
      throw new BuildException(BuildException.categoryOf(e), what + ": " + text, e);
    }
  }

  /** Says whose failure a failure is. */
  <T> T naming(Callable<T> body) throws Exception {
    try {
      return body.call();
    } catch (InterruptedException | SolveException e) {
      throw e;
    } catch (Exception e) {
      throw new SolveException(vertex.digest(), vertex.name(), e);
    }
  }

  @Override
  public VertexProgress progress() {
    return progress;
  }

  @Override
  public List<String> sessions() {
    return solver.sessionsOf(this);
  }

  @Override
  public List<Memory> memories() {
    return solver.memoriesOf(this);
  }

  @Override
  public Result build(Edge edge) throws Exception {
    return solver.load(edge, this, children).solved().result();
  }

  @Override
  public String toString() {
    return vertex.name();
  }
}
