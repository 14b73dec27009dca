package dev.buildd.base.error;

import java.io.UncheckedIOException;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;

/**
 * A failure with a category. The message says what was being done to what; the wire status is made
 * of it in one place, at the rim.
 */
public class BuildException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final Category category;

  public BuildException(Category category, String message) {
    this(category, message, null);
  }

  public BuildException(Category category, String message, @Nullable Throwable cause) {
    super(message, cause);
    this.category = category;
  }

  public final Category category() {
    return category;
  }

  public static BuildException invalid(String message) {
    return new BuildException(Category.INVALID_ARGUMENT, message);
  }

  public static BuildException notFound(String message) {
    return new BuildException(Category.NOT_FOUND, message);
  }

  /** A failure without a better category: its text is all that can be said. */
  public static BuildException unknown(String message, @Nullable Throwable cause) {
    return new BuildException(Category.UNKNOWN, message, cause);
  }

  /**
   * The category of the first failure in the cause chain that has one; {@code UNKNOWN} if none has.
   * Exceptions that only wrong code throws are {@code INTERNAL}.
   */
  public static Category categoryOf(Throwable failure) {
    for (Throwable t = failure; t != null; t = t.getCause()) {
      if (t instanceof BuildException e) {
        return e.category();
      }
      if (t instanceof InterruptedException || t instanceof CancellationException) {
        return Category.CANCELED;
      }
      if (isUnchecked(t)) {
        return Category.INTERNAL;
      }
    }
    return Category.UNKNOWN;
  }

  /** Whether the failure comes from wrong code: its text means nothing to whoever asked. */
  public static boolean isDefect(Throwable failure) {
    for (Throwable t = failure; t != null; t = t.getCause()) {
      if (t instanceof BuildException) {
        return false;
      }
      if (isUnchecked(t)) {
        return true;
      }
    }
    return false;
  }

  private static boolean isUnchecked(Throwable t) {
    return t instanceof Error
        || (t instanceof RuntimeException
            && !(t instanceof UncheckedIOException
                || t instanceof CancellationException
                || t.getClass().getName().startsWith("io.grpc."))); // what a peer has answered
  }
}
