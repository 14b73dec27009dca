package dev.buildd.solver.graph;

import org.jspecify.annotations.Nullable;

/** A step would have to run, and this is a dry run. */
public final class DryRunException extends Exception {
  private static final long serialVersionUID = 1L;

  DryRunException(String step) {
    super("step " + step + " would have to run, and this is a dry run");
  }

  /** Whether that is why something failed. */
  public static boolean isCauseOf(@Nullable Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof DryRunException) {
        return true;
      }
    }
    return false;
  }
}
