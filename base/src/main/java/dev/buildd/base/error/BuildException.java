package dev.buildd.base.error;

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
}
