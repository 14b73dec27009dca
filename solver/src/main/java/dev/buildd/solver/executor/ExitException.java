package dev.buildd.solver.executor;

/** A process ended by itself, but not with code zero. */
public final class ExitException extends Exception {
  private static final long serialVersionUID = 1L;

  private final int code;

  public ExitException(int code) {
    this(code, "exit code: " + code);
  }

  public ExitException(int code, String message) {
    super(message);
    this.code = code;
  }

  /** With the reason, if it is the lack of memory, in the words of BuildKit and some more. */
  public static ExitException of(int code, boolean outOfMemory) {
    return outOfMemory
        ? new ExitException(
            code,
            "cannot allocate memory: a process was killed for want of memory (exit code: "
                + code
                + ")")
        : new ExitException(code);
  }

  /** What the process gave to {@code exit(2)}, or 128 plus the signal that ended it. */
  public int code() {
    return code;
  }
}
