package dev.buildd.session.rpc;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import java.util.Objects;

/** Failures as gRPC statuses, and back. */
public final class Statuses {
  private Statuses() {}

  /** The status that tells a peer of the failure. */
  public static StatusRuntimeException of(Throwable failure) {
    return switch (failure) {
      case StatusRuntimeException e -> e;
      case StatusException e -> new StatusRuntimeException(e.getStatus(), e.getTrailers());
      default ->
          Status.fromCode(codeOf(BuildException.categoryOf(failure)))
              .withDescription(textOf(failure))
              .withCause(failure)
              .asRuntimeException();
    };
  }

  /**
   * As {@link #of}, but what wrong code throws is told in its own words: the program that serves is
   * the client's, whose user is to see what is wrong with it.
   */
  static StatusRuntimeException inOwnWords(Throwable failure) {
    return BuildException.isDefect(failure)
        ? of(failure).getStatus().withDescription(words(failure)).asRuntimeException()
        : of(failure);
  }

  /**
   * The failure in its own words, also what wrong code throws: for failures of the client's own.
   */
  public static String words(Throwable failure) {
    return Objects.requireNonNullElse(failure.getMessage(), failure.getClass().getSimpleName());
  }

  /** The failure as the domain knows it; the text is the status' description. */
  public static BuildException toBuildException(String doing, StatusRuntimeException failure) {
    return new BuildException(
        categoryOf(failure.getStatus().getCode()), doing + ": " + textOf(failure), failure);
  }

  /** The message without the name of the status code. */
  public static String textOf(Throwable failure) {
    if (failure instanceof StatusRuntimeException e) {
      return Objects.requireNonNullElse(
          e.getStatus().getDescription(), e.getStatus().getCode().name());
    }
    if (BuildException.isDefect(failure)) {
      return "internal error, see the log of the daemon";
    }
    return words(failure);
  }

  public static Status.Code codeOf(Category category) {
    return switch (category) {
      case INVALID_ARGUMENT -> Status.Code.INVALID_ARGUMENT;
      case NOT_FOUND -> Status.Code.NOT_FOUND;
      case ALREADY_EXISTS -> Status.Code.ALREADY_EXISTS;
      case FAILED_PRECONDITION -> Status.Code.FAILED_PRECONDITION;
      case PERMISSION_DENIED -> Status.Code.PERMISSION_DENIED;
      case UNAVAILABLE -> Status.Code.UNAVAILABLE;
      case UNIMPLEMENTED -> Status.Code.UNIMPLEMENTED;
      case RESOURCE_EXHAUSTED -> Status.Code.RESOURCE_EXHAUSTED;
      case CANCELED -> Status.Code.CANCELLED;
      case UNKNOWN -> Status.Code.UNKNOWN;
      case INTERNAL -> Status.Code.INTERNAL;
    };
  }

  public static Category categoryOf(Status.Code code) {
    return switch (code) {
      case INVALID_ARGUMENT, OUT_OF_RANGE -> Category.INVALID_ARGUMENT;
      case NOT_FOUND -> Category.NOT_FOUND;
      case ALREADY_EXISTS -> Category.ALREADY_EXISTS;
      case FAILED_PRECONDITION, ABORTED -> Category.FAILED_PRECONDITION;
      case PERMISSION_DENIED, UNAUTHENTICATED -> Category.PERMISSION_DENIED;
      case UNAVAILABLE -> Category.UNAVAILABLE;
      case UNIMPLEMENTED -> Category.UNIMPLEMENTED;
      case RESOURCE_EXHAUSTED -> Category.RESOURCE_EXHAUSTED;
      case CANCELLED, DEADLINE_EXCEEDED -> Category.CANCELED;
      case INTERNAL, DATA_LOSS -> Category.INTERNAL;
      case OK, UNKNOWN -> Category.UNKNOWN;
    };
  }
}
