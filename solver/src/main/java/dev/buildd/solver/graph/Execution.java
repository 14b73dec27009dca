package dev.buildd.solver.graph;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.error.Defects;
import dev.buildd.base.linux.FileFailures;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/**
 * One run of an operation, or one load of a record, and its values: shared by all vertices that
 * want the same, whatever definitions led them to it, and by the executions that use its values.
 *
 * <p>It is nobody's in particular. It starts with the first that shares it and goes on until it is
 * over or the last has left; then it is interrupted. It holds the executions whose values it uses,
 * so that these stay whoever leaves; sees the sessions and memos of the jobs of all who share it,
 * asked anew each time; owns the graphs that its operation solves; and tells its progress to all
 * who share it.
 */
final class Execution implements OpContext, Owner {
  private static final int ROOM_TRIES = 4;

  /** What an execution does; the values become the execution's. */
  @FunctionalInterface
  interface Work {
    List<SharedResult> run(Execution self) throws Exception;
  }

  /** One attempt: a second follows only if the first was cancelled. */
  private static final class Attempt {
    final CountDownLatch ended = new CountDownLatch(1);
    boolean cancelled; // guarded by the graph
    boolean left; // guarded by the graph: somebody left while it ran
    @Nullable Thread thread;
  }

  private final ActiveGraph graph;
  private final ActiveVertex first;
  private final Work work;
  private final VertexProgress progress;
  private final CountDownLatch settled = new CountDownLatch(1);
  private final Set<Integer> recorded = new HashSet<>(); // guarded by itself

  // guarded by the graph:
  final List<Execution> inputs;
  final Map<Owner, Integer> sharers = new LinkedHashMap<>();
  final List<Object> keys = new ArrayList<>();
  boolean closed;
  private @Nullable Attempt attempt;
  private boolean wanted; // since the last cancel

  private volatile List<SharedResult> values = List.of();
  private volatile @Nullable Exception failure;

  /**
   * @param first the vertex for which it begins
   * @param inputs the executions whose values the work uses
   */
  Execution(ActiveGraph graph, ActiveVertex first, List<Execution> inputs, Work work) {
    this.graph = graph;
    this.first = first;
    this.inputs = inputs.stream().distinct().toList();
    this.work = work;
    this.progress = first.progressOfExecution();
  }

  boolean ignoresCache() {
    return first.key().ignoreCache();
  }

  // ---- running: the graph calls these holding its lock

  /** Somebody more wants the values. */
  void want() {
    wanted = true;
    if (attempt == null && !isSettled()) {
      begin();
    }
  }

  private void begin() {
    Attempt begun = new Attempt();
    attempt = begun;
    Thread thread = Threads.unstarted("run " + first, () -> fly(begun));
    begun.thread = thread;
    thread.start();
  }

  /** Somebody left, though not the last. */
  void left() {
    if (attempt != null) {
      attempt.left = true;
    }
  }

  /**
   * Nobody wants the values any more: interrupts the work if it goes on.
   *
   * @return the end of the work, for which the caller waits without the lock; null if it is over
   */
  @Nullable CountDownLatch cancel() {
    wanted = false;
    if (attempt == null) {
      return null;
    }
    if (!attempt.cancelled && attempt.thread != null) {
      attempt.cancelled = true;
      attempt.thread.interrupt();
    }
    return attempt.ended;
  }

  private void fly(Attempt mine) {
    List<SharedResult> made = List.of();
    Exception failed = null;
    try {
      made = withRoom(() -> work.run(this));
    } catch (Exception e) {
      failed = e;
    } catch (Throwable e) {
      Defects.met("run " + first, e);
      failed = new BuildException(Category.INTERNAL, "run " + first + ": " + e, e);
    }
    synchronized (graph) {
      attempt = null;
      if (failed instanceof InterruptedException && !mine.cancelled) {
        failed = new BuildException(Category.CANCELED, "run " + first + ": interrupted", failed);
      }
      if (failed == null) { // what was finished in spite of a cancel is kept
        values = made;
        settled.countDown();
      } else if (wanted && (mine.cancelled || (mine.left && isTransient(failed)))) {
        begin(); // for those who came, or stayed: not their cancel, not their connection
      } else {
        if (progress.state().started().isPresent()) {
          progress.completed(failed);
        }
        if (!mine.cancelled) {
          failure = failed;
          graph.forget(this);
          settled.countDown();
        }
      }
      mine.ended.countDown();
    }
  }

  /**
   * Does it; anew if the disk was full and there is room now. Others may take that room: not only
   * once, but what fills the disk by itself ends soon.
   */
  private <T> T withRoom(Callable<T> body) throws Exception {
    for (int left = ROOM_TRIES; ; left--) {
      try {
        return body.call();
      } catch (Exception e) {
        if (left == 0 || !FileFailures.isDiskFull(e) || !graph.makeRoom()) {
          throw e;
        }
      }
    }
  }

  /** Whether the failure may come of the end of a client's session. */
  private static boolean isTransient(Exception failure) {
    Category category = BuildException.categoryOf(failure);
    return category == Category.CANCELED || category == Category.UNAVAILABLE;
  }

  private boolean isSettled() {
    return settled.getCount() == 0;
  }

  /** The values, once they are there; they stay the execution's. */
  List<SharedResult> await() throws Exception {
    settled.await();
    Exception failed = failure;
    if (failed != null) {
      throw failed;
    }
    return values;
  }

  /** Whether the values are there. */
  boolean hasValues() {
    return isSettled() && failure == null;
  }

  /** Lets go of the values; called once, when nobody shares the execution any more. */
  void close() {
    values.forEach(SharedResult::close);
  }

  /** Notes an output under its names; once, and nobody goes on before that is done. */
  void record(int output, Recording recording) throws Exception {
    synchronized (recorded) {
      if (!recorded.contains(output)) {
        withRoom(() -> {
          recording.run();
          return true;
        });
        recorded.add(output);
      }
    }
  }

  /** Work that notes a result. */
  @FunctionalInterface
  interface Recording {
    void run() throws Exception;
  }

  // ---- what the operation may ask

  @Override
  public Digest vertexDigest() {
    return first.vertexDigest();
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
    return "execution of " + first;
  }
}
