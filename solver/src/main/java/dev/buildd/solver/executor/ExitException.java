package dev.buildd.solver.executor;

/** A process ended by itself, but not with code zero. */
public final class ExitException extends Exception {
  private static final long serialVersionUID = 1L;

  private final int code;

  public ExitException(int code) {
    super("exit code: " + code);
    this.code = code;
  }

  public ExitException(int code, String message) {
    super(message);
    this.code = code;
  }

  /** What the process gave to {@code exit(2)}, or 128 plus the signal that ended it. */
  public int code() {
    return code;
  }
}
