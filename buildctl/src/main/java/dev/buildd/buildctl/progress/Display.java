package dev.buildd.buildctl.progress;

import dev.buildd.client.SolveStatus;

/** Shows a build's progress. Its methods are called by one thread at a time. */
public interface Display {
  void update(SolveStatus status);

  /** Shows what has not been shown yet; called now and then. */
  void refresh();

  /** The build is over. */
  void done();
}
