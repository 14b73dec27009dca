package dev.buildd.frontend.dockerfile.source;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A fault in a Dockerfile, or in what it asks for. Its text is all that a client shows beside the
 * lines (dockerfile.md section 8).
 */
public final class DockerfileException extends BuildException {
  private static final long serialVersionUID = 1L;

  private final transient List<Location> locations;

  /**
   * @param locations where the fault is, the innermost first; most faults have one place, some none
   */
  public DockerfileException(String message, List<Location> locations, @Nullable Throwable cause) {
    super(Category.UNKNOWN, message, cause);
    this.locations = List.copyOf(locations);
  }

  /** A fault whose place is not known yet, or which has none. */
  public DockerfileException(String message) {
    this(message, List.of(), null);
  }

  public DockerfileException(String message, Location location) {
    this(message, List.of(location), null);
  }

  /** The innermost first. */
  public List<Location> locations() {
    return locations;
  }

  /** The same fault, with one more place around those known. */
  public DockerfileException at(Location location) {
    return with(message(), location);
  }

  /** The same fault with text in front of its text. */
  public DockerfileException prefixed(String prefix) {
    return relocated(prefix + message(), locations);
  }

  /** The same fault, at this place and no other: of text that is itself in no file. */
  public DockerfileException onlyAt(Location location) {
    return relocated(message(), List.of(location));
  }

  private DockerfileException with(String message, Location location) {
    List<Location> all = new ArrayList<>(locations);
    all.add(location);
    return relocated(message, all);
  }

  private DockerfileException relocated(String message, List<Location> places) {
    DockerfileException out = new DockerfileException(message, places, getCause());
    out.setStackTrace(getStackTrace()); // it is still the same fault
    return out;
  }

  private String message() {
    return String.valueOf(getMessage());
  }
}
