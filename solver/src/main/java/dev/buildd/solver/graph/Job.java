package dev.buildd.solver.graph;

import dev.buildd.base.content.Digest;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * One build as the solver sees it: it keeps the vertices alive that it asked for.
 *
 * <p>Safe for use by many threads; {@link #close} comes once, after the last {@link #build}.
 */
public final class Job implements AutoCloseable, Owner {
  private final ActiveGraph graph;
  private final String id;
  private final String session;
  private final Journal journal = new Journal();
  private final Memo memo = new Memo();
  private final Set<Digest> outside = ConcurrentHashMap.newKeySet();
  private volatile boolean valuesUsed;
  private volatile boolean dry;

  Job(ActiveGraph graph, String id, String session) {
    this.graph = graph;
    this.id = id;
    this.session = session;
  }

  public String id() {
    return id;
  }

  /** The session of the client that asked for the build; empty if it opened none. */
  public String session() {
    return session;
  }

  public Journal journal() {
    return journal;
  }

  /** What was found out for this job. */
  public Memo memo() {
    return memo;
  }

  /** Says that values will be used for what they stand for: from now on they come prepared. */
  public void useValues() {
    valuesUsed = true;
  }

  /**
   * Says, before anything is built, that no step may run: those that would have to are told why,
   * and fail with a {@link DryRunException}. Sources are brought.
   */
  public void runNothing() {
    dry = true;
  }

  boolean isDry() {
    return dry;
  }

  /**
   * Blocks until the edge has a value; an interrupt cancels it, unless others want it too. The
   * caller owns the result.
   */
  public SharedResult build(Edge edge) throws Exception {
    return solve(edge).result().share();
  }

  /** As {@link #build}, with the names under which caches know the value. */
  public SolvedEdge solve(Edge edge) throws Exception {
    ActiveEdge active = graph.load(edge, this);
    Solved solved = valuesUsed ? active.prepared() : active.solved();
    return new SolvedEdge(solved.value(), solved.canonical());
  }

  /** Tells those who watch of something besides the work of vertices, such as a warning. */
  public void publish(ProgressEvent event) {
    journal.append(event);
  }

  /** Begins work outside the graph that users see as a vertex, such as an export. */
  public VertexProgress vertex(Digest digest, String name) {
    outside.add(digest);
    return VertexProgress.standalone(journal, digest, name);
  }

  /** Whether what users see as a vertex is a step of the graph. */
  public boolean isStep(Digest vertex) {
    return !outside.contains(vertex);
  }

  /** Lets go of every vertex and of what was known. */
  @Override
  public void close() {
    graph.release(this);
    memo.close();
  }

  @Override
  public String toString() {
    return "job " + id;
  }
}
