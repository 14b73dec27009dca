package dev.buildd.gateway;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;

/** A frontend does not know what it is asked for; clients are told by name, and may do without. */
public final class UnsupportedException extends BuildException {
  private static final long serialVersionUID = 1L;

  /** What is asked for. */
  public enum Kind {
    /** A capability of the frontend. */
    CAPABILITY,
    /** Another answer than a build. */
    SUBREQUEST
  }

  private final Kind kind;
  private final String name;

  private UnsupportedException(Category category, String message, Kind kind, String name) {
    super(category, message);
    this.kind = kind;
    this.name = name;
  }

  public static UnsupportedException capability(String name) {
    return new UnsupportedException(
        Category.UNIMPLEMENTED, "unsupported frontend capability " + name, Kind.CAPABILITY, name);
  }

  public static UnsupportedException subrequest(String name) {
    return new UnsupportedException(
        Category.UNKNOWN, "unsupported request " + name, Kind.SUBREQUEST, name);
  }

  public Kind kind() {
    return kind;
  }

  /** The capability or the request. */
  public String name() {
    return name;
  }
}
