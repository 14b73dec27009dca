package dev.buildd.solver.graph;

import dev.buildd.base.concurrent.Flight;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.error.Defects;
import java.util.ArrayDeque;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A vertex while somebody wants it. */
final class ActiveVertex implements OpContext, Owner {
  private static final Logger log = LoggerFactory.getLogger(ActiveVertex.class);

  private final ActiveGraph graph;
  private final ActiveGraph.ActiveKey key;
  private final Vertex vertex;
  private final List<ActiveEdge> inputs;
  private final VertexProgress progress;
  // in the order in which they came, with the caches that each brought; guarded by the graph
  private final Map<Owner, Set<CacheSource>> owners = new LinkedHashMap<>();
  private final Map<Integer, ActiveEdge> edges = new HashMap<>(); // guarded by the graph
  private volatile Set<CacheSource> sources;
  private final List<RunObserver.Lost> lost = new CopyOnWriteArrayList<>();
  private final Map<Integer, Flight<CacheMap>> cacheMaps = new ConcurrentHashMap<>();
  private final Map<Integer, Flight<Digest>> contents = new ConcurrentHashMap<>();

  ActiveVertex(ActiveGraph graph, Vertex vertex, List<ActiveEdge> inputs, boolean dry) {
    this.graph = graph;
    this.vertex = vertex;
    this.inputs = List.copyOf(inputs);
    this.key = new ActiveGraph.ActiveKey(vertex.digest(), vertex.ignoreCache(), dry);
    this.progress = progressOfExecution();
    this.sources = Set.of(graph.main());
  }

  /** Progress that begins with this vertex. */
  VertexProgress progressOfExecution() {
    return new VertexProgress(
        graph.clock(),
        new ProgressEvent.VertexState(
            vertex.digest(),
            vertex.inputs().stream().map(e -> e.vertex().digest()).toList(),
            vertex.name(),
            vertex.progressGroup(),
            Optional.empty(),
            Optional.empty(),
            false,
            ""));
  }

  ActiveGraph graph() {
    return graph;
  }

  ActiveGraph.ActiveKey key() {
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

  /** An input's value as the operation needs it. */
  Solved argument(int input) throws Exception {
    ActiveEdge in = inputs.get(input);
    return vertex.op().usesInputs() ? in.prepared() : in.solved();
  }

  /** The caller holds the graph's lock. */
  ActiveEdge edge(int output) {
    return edges.computeIfAbsent(output, o -> new ActiveEdge(this, o));
  }

  // ---- owners; the caller holds the graph's lock

  /** Those that want the vertex, in the order in which they came. */
  Set<Owner> owners() {
    return owners.keySet();
  }

  void own(Owner owner, List<CacheSource> brought) {
    if (owners.computeIfAbsent(owner, _ -> new LinkedHashSet<>()).addAll(brought)) {
      findSources();
    }
  }

  void disown(Owner owner) {
    Set<CacheSource> brought = owners.remove(owner);
    if (brought != null && !brought.isEmpty()) {
      findSources(); // the caches of a build that has ended are not asked any more
    }
  }

  private void findSources() {
    Set<CacheSource> all = new LinkedHashSet<>();
    all.add(graph.main());
    owners.values().forEach(all::addAll);
    sources = Collections.unmodifiableSet(all);
  }

  /** The caches that may know the vertex, in the order in which they became known. */
  Set<CacheSource> sources() {
    return sources;
  }

  // ---- questions

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
                      SharedResult value = inputs.get(n).prepared().value();
                      CacheMap.ContentDigest content =
                          cacheMap(0).dependencies().get(n).content().orElseThrow();
                      return naming(() ->
                          saying("failed to compute cache key", () -> content.of(value, this)));
                    }))
        .join();
  }

  /** Tells that the result was there already, and so nothing that leads to it had to be made. */
  void cached(ProgressEvent.Reason reason) {
    if (progress.cached(reason)) {
      Deque<ActiveVertex> pending = new ArrayDeque<>();
      inputs.forEach(input -> pending.push(input.vertex()));
      while (!pending.isEmpty()) {
        ActiveVertex next = pending.pop();
        if (next.progress.cached()) {
          next.inputs.forEach(input -> pending.push(input.vertex()));
        }
      }
    }
  }

  /** Says what was being done when something failed. */
  private static <T> T saying(String what, Callable<T> body) throws Exception {
    try {
      return body.call();
    } catch (InterruptedException | VertexException e) {
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
    } catch (Exception e) {
      throw named(e);
    }
  }

  /** The failure, as this vertex's unless it is known to be another's. */
  Exception named(Exception failure) {
    return failure instanceof InterruptedException || failure instanceof VertexException
        ? failure
        : new VertexException(vertex.digest(), vertex.name(), failure);
  }

  /** The values of an execution that this vertex shares; if there are none, it has left. */
  List<SharedResult> await(ActiveGraph.Share held) throws Exception {
    boolean served = false;
    try {
      List<SharedResult> values = naming(held.execution()::await);
      served = true;
      return values;
    } finally {
      if (!served) {
        graph.leave(held.execution(), this);
      }
    }
  }

  /**
   * Notes that a record's value could not be had: a miss, not a failed build.
   *
   * @throws Exception if that is no fault of the cache's: a cancel, or a defect of ours
   */
  void missed(FoundRecord record, Exception failure) throws Exception {
    if (failure instanceof InterruptedException) {
      throw failure;
    }
    if (BuildException.isDefect(failure)) {
      log.error("loading a cached result failed by a defect step={}", this, failure);
      Defects.met("load a cached result of " + this, failure);
      throw named(failure);
    }
    lost.add(
        new RunObserver.Lost(
            record.source().name(),
            Objects.requireNonNullElse(failure.getMessage(), failure.toString())));
    log.info(
        "a cached result is not used step={} result={} of={} error={}",
        this,
        record.resultId(),
        record.source().id(),
        failure.toString());
    if (record.source().equals(graph.main())
        && BuildException.categoryOf(failure) == Category.NOT_FOUND) {
      graph.main().keys().release(record.resultId());
    }
  }

  /** Whether it would have to run to have a value, and may not. */
  boolean mayNotRun() {
    return key.dry() && !vertex.op().isSource();
  }

  /** The recorded results that could not be had. */
  List<RunObserver.Lost> lost() {
    return List.copyOf(lost);
  }

  @Override
  public VertexProgress progress() {
    return progress;
  }

  @Override
  public List<String> sessions() {
    return graph.sessionsOf(this);
  }

  @Override
  public List<Memo> memos() {
    return graph.memosOf(this);
  }

  @Override
  public SharedResult build(Edge edge) throws Exception {
    return graph.load(edge, this).solved().value();
  }

  @Override
  public String toString() {
    return vertex.name();
  }
}
