package dev.buildd.solver.llb;

import dev.buildd.gateway.SolveException;
import java.util.List;

/** A definition could not be solved; says where in its source the failed vertex stands. */
public final class LlbException extends Exception {
  private static final long serialVersionUID = 1L;

  private final transient List<SolveException.Place> places;

  LlbException(Throwable cause, List<SolveException.Place> places) {
    super(cause.getMessage() == null ? cause.toString() : cause.getMessage(), cause);
    this.places = List.copyOf(places);
  }

  public List<SolveException.Place> places() {
    return places;
  }
}
