package dev.buildd.solver.executor;

import dev.buildd.base.metrics.ResourceUsage;
import java.util.function.Consumer;

/** Runs processes in containers. Safe for use by many threads. */
public interface Executor {
  /**
   * Starts a container with its first process. It lives until it is closed, but with the end of its
   * first process all others in it end.
   *
   * @throws dev.buildd.base.error.BuildException if it cannot be started
   */
  Container start(ProcessSpec process, ProcessIo io) throws Exception;

  /**
   * Runs the process to its end. An interrupt kills it and everything it started, and returns once
   * all of it is gone. Whatever the executor put into the root filesystem to run it, such as mount
   * points, is taken out again.
   *
   * @throws ExitException if the process ends with another code than zero
   * @throws dev.buildd.base.error.BuildException if it cannot be started
   */
  default void run(ProcessSpec process, ProcessIo io) throws Exception {
    run(process, io, usage -> {});
  }

  /**
   * As {@link #run(ProcessSpec, ProcessIo)}.
   *
   * @param used is told, once the process has ended by itself, what it took, and how much of that
   *     every two seconds while it ran; of what runs for long, less often
   */
  default void run(ProcessSpec process, ProcessIo io, Consumer<ResourceUsage> used)
      throws Exception {
    try (Container container = start(process, io);
        Sampling sampling =
            Sampling.of(container, String.join(" ", process.args()), Sampling.FIRST_INTERVAL)) {
      int code = container.first().await();
      used.accept(container.usage().withSamples(sampling.samples()));
      if (code != 0) {
        throw ExitException.of(code, container.ranOutOfMemory());
      }
    }
  }

  /** Removes what processes of an earlier daemon on the same root have left behind. */
  void recover();
}
