package dev.buildd.solver.llb;

import dev.buildd.gateway.SolveException;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A definition could not be solved; says which vertex of it has failed, and where in its source
 * that stands.
 */
public final class LlbException extends Exception {
  private static final long serialVersionUID = 1L;

  /**
   * The vertex that has failed.
   *
   * @param op its bytes in the definition
   * @param description what the definition says of it
   */
  public record FailedOp(byte[] op, Map<String, String> description) {}

  private final transient List<SolveException.Place> places;
  private final transient Optional<FailedOp> failedOp;

  LlbException(Throwable cause, List<SolveException.Place> places, Optional<FailedOp> failedOp) {
    super(cause.getMessage() == null ? cause.toString() : cause.getMessage(), cause);
    this.places = List.copyOf(places);
    this.failedOp = failedOp;
  }

  public List<SolveException.Place> places() {
    return places;
  }

  /** Empty for a vertex that is not the definition's, such as one of a nested definition. */
  public Optional<FailedOp> failedOp() {
    return failedOp;
  }
}
