package dev.buildd.solver.executor;

/** Runs processes in containers. Safe for use by many threads. */
public interface Executor {
  /**
   * Runs the process to its end. An interrupt kills it and everything it started, and returns once
   * all of it is gone. Whatever the executor put into the root filesystem to run it, such as mount
   * points, is taken out again.
   *
   * @throws ExitException if the process ends with another code than zero
   * @throws dev.buildd.base.error.BuildException if it cannot be started
   */
  void run(ProcessSpec process, ProcessIo io) throws Exception;

  /** Removes what processes of an earlier daemon on the same root have left behind. */
  void recover();
}
