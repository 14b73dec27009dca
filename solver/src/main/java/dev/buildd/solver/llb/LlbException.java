package dev.buildd.solver.llb;

import java.util.List;

/** A definition could not be solved; says where in its source the failed vertex stands. */
public final class LlbException extends Exception {
  private static final long serialVersionUID = 1L;

  private final transient List<SourceLocation> locations;

  LlbException(Throwable cause, List<SourceLocation> locations) {
    super(cause.getMessage() == null ? cause.toString() : cause.getMessage(), cause);
    this.locations = List.copyOf(locations);
  }

  public List<SourceLocation> locations() {
    return locations;
  }
}
