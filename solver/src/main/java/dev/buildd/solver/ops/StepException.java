package dev.buildd.solver.ops;

import dev.buildd.gateway.SolveException.Subject;

/** A step failed at its work; with what it had mounted. The message is the cause's. */
public final class StepException extends Exception {
  private static final long serialVersionUID = 1L;

  private final transient FailedMounts mounts;
  private final transient Subject subject;

  StepException(Exception cause, FailedMounts mounts) {
    this(cause, mounts, new Subject.Whole());
  }

  StepException(Exception cause, FailedMounts mounts, Subject subject) {
    super(cause.getMessage() == null ? cause.toString() : cause.getMessage(), cause);
    this.mounts = mounts;
    this.subject = subject;
  }

  /** The same failure, said in other words. */
  public StepException because(Exception cause) {
    return new StepException(cause, mounts, subject);
  }

  public FailedMounts mounts() {
    return mounts;
  }

  /** What of the step it was. */
  public Subject subject() {
    return subject;
  }
}
