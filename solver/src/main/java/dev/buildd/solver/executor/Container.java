package dev.buildd.solver.executor;

import dev.buildd.base.metrics.ResourceSample;
import dev.buildd.base.metrics.ResourceUsage;
import java.util.List;

/** A container that was started and not yet closed. Safe for use by many threads. */
public interface Container extends AutoCloseable {
  /**
   * A process that joins a container: what it is allowed, and which files it sees, is the
   * container's.
   *
   * @param env {@code NAME=value}, in order; a later one replaces an earlier one
   * @param cwd absolute path in the root filesystem; it must be there
   * @param user {@code user[:group]} by name or number, empty for root
   */
  record Joining(List<String> args, List<String> env, String cwd, String user) {
    public Joining {
      args = List.copyOf(args);
      env = List.copyOf(env);
    }
  }

  /** The process that it was started with. */
  ContainerProcess first();

  /**
   * Starts a further process, once the first one runs.
   *
   * @throws dev.buildd.base.error.BuildException if it cannot be started, as when the first has
   *     ended
   */
  ContainerProcess exec(Joining process, ProcessIo io) throws Exception;

  /**
   * Whether a process of it was killed because there was no memory left for it; false if nobody
   * knows.
   */
  boolean ranOutOfMemory() throws Exception;

  /** What its processes have now, and have had until now. */
  ResourceSample sample() throws Exception;

  /** What its processes have taken so far, those that have ended too; without samples. */
  ResourceUsage usage() throws Exception;

  /**
   * Kills all that runs in it, and returns once all of it is gone, with what the executor put into
   * the root filesystem.
   */
  @Override
  void close();
}
