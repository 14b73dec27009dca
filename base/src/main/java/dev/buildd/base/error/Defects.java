package dev.buildd.base.error;

import java.io.PrintWriter;
import java.io.StringWriter;

/**
 * What becomes of states that must not be, and of failures that only wrong code has: they are
 * logged and lived with, unless the environment asks for the process to stop at the first one, as
 * it does where a program is tested. BuildKit's daemon heeds the same variable.
 */
public final class Defects {
  /** Is {@code 1} where the process is to stop. */
  public static final String VARIABLE = "BUILDKIT_DEBUG_PANIC_ON_ERROR";

  /** As of a Go program that panics. */
  public static final int EXIT_CODE = 2;

  private Defects() {}

  /**
   * Ends the process at once, its stack on stderr, if that is asked for and the failure is a defect
   * ({@link BuildException#isDefect}); what runs is cut off. Returns otherwise. To be called where
   * such a failure has been logged and the program would go on.
   *
   * @param what was being done
   */
  public static void met(String what, Throwable failure) {
    if (!"1".equals(System.getenv(VARIABLE)) || !BuildException.isDefect(failure)) {
      return;
    }
    StringWriter told = new StringWriter();
    told.append("panic: ").append(what);
    told.append(" [").append(VARIABLE).append("=1]\nthread \"");
    told.append(Thread.currentThread().getName()).append("\":\n");
    failure.printStackTrace(new PrintWriter(told, true));
    // where it comes from may be another thread's stack
    new Throwable("met here").printStackTrace(new PrintWriter(told, true));
    System.err.print(told);
    System.err.flush();
    Runtime.getRuntime().halt(EXIT_CODE); // hooks and cleanups would work on what is wrong
  }

  /** As {@link #met(String, Throwable)} of a state that no exception has told of. */
  public static void met(String state) {
    met(state, new IllegalStateException(state));
  }
}
