package dev.buildd.solver.graph;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import java.time.Clock;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.function.BooleanSupplier;

/**
 * Everything being solved, shared by all jobs.
 *
 * <p>Questions are asked of an output of a vertex, each a shared computation: its names as far as
 * definitions tell, its names after comparing contents, its value. A question waits only for
 * questions of the vertex's inputs or an earlier one of its own, so the waiting follows the graph
 * and cannot deadlock.
 *
 * <p>Safe for use by many threads.
 */
public final class Solver {
  private final ActiveGraph graph;
  private final Map<String, Job> jobs = new HashMap<>(); // guarded by this

  /**
   * @param main the daemon's own cache, where results are recorded
   * @param maxParallelism how many steps may run at once; zero means no limit
   */
  public Solver(CacheSource main, Clock clock, int maxParallelism) {
    this(main, clock, maxParallelism, RunObserver.NONE, () -> false);
  }

  /**
   * @param main the daemon's own cache, where results are recorded
   * @param maxParallelism how many steps may run at once; zero means no limit
   * @param observer is told of each run
   * @param makeRoom frees space on a full disk, and says whether to try once more
   */
  public Solver(
      CacheSource main,
      Clock clock,
      int maxParallelism,
      RunObserver observer,
      BooleanSupplier makeRoom) {
    this.graph =
        new ActiveGraph(
            main,
            clock,
            maxParallelism > 0 ? new Semaphore(maxParallelism, true) : null,
            observer,
            makeRoom);
  }

  /** Opens a job; the id must not be in use. */
  public synchronized Job newJob(String id, String session) {
    if (jobs.containsKey(id)) {
      throw new BuildException(Category.ALREADY_EXISTS, "job ID " + id + " exists");
    }
    Job job = new Job(graph, id, session);
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

  /** How many vertices somebody wants. */
  public int activeCount() {
    return graph.activeCount();
  }

  /** How many steps wait for others to end, as only so many may run at once. */
  public int waitingCount() {
    return graph.waitingCount();
  }

  /** How many steps run; not those that only wait for a build within the build. */
  public int runningCount() {
    return graph.runningCount();
  }

  /** How many values are kept, made or loaded at the moment. */
  public int heldCount() {
    return graph.executionCount();
  }
}
