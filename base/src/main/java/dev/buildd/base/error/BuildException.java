package dev.buildd.base.error;

import java.io.IOException;
import java.util.ConcurrentModificationException;
import java.util.NoSuchElementException;
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

  /** The category of the first categorised failure in the cause chain, or {@code UNKNOWN}. */
  public static Category categoryOf(Throwable failure) {
    for (Throwable t = failure; t != null; t = t.getCause()) {
      if (t instanceof BuildException e) {
        return e.category();
      }
      if (t instanceof InterruptedException) {
        return Category.CANCELED;
      }
    }
    return Category.UNKNOWN;
  }

  /**
   * Whether something in the cause chain is a programming error of ours, not a failure that a
   * program has to expect: an {@link Error}, or an unchecked exception of the JDK's that says that
   * it was used wrongly.
   */
  public static boolean isDefect(Throwable failure) {
    for (Throwable t = failure; t != null; t = t.getCause()) {
      if (t instanceof BuildException || t instanceof IOException) {
        return false;
      }
      if (t instanceof Error
          || t instanceof NullPointerException
          || t instanceof IllegalStateException
          || t instanceof IllegalArgumentException
          || t instanceof IndexOutOfBoundsException
          || t instanceof ClassCastException
          || t instanceof ArithmeticException
          || t instanceof ConcurrentModificationException
          || t instanceof UnsupportedOperationException
          || t instanceof NoSuchElementException) {
        return true;
      }
    }
    return false;
  }
}
