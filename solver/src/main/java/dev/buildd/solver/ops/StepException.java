package dev.buildd.solver.ops;

import java.util.OptionalInt;

/** A step failed at its work; with what it had mounted. The message is the cause's. */
public final class StepException extends Exception {
  private static final long serialVersionUID = 1L;

  private final transient FailedMounts mounts;
  private final int action;

  StepException(Exception cause, FailedMounts mounts) {
    this(cause, mounts, -1);
  }

  /**
   * @param action the number of the action that has failed
   */
  StepException(Exception cause, FailedMounts mounts, int action) {
    super(cause.getMessage() == null ? cause.toString() : cause.getMessage(), cause);
    this.mounts = mounts;
    this.action = action;
  }

  public FailedMounts mounts() {
    return mounts;
  }

  /** Which action of the step has failed, of a step that consists of some. */
  public OptionalInt action() {
    return action < 0 ? OptionalInt.empty() : OptionalInt.of(action);
  }
}
