package dev.buildd.daemon.wire;

import com.google.protobuf.Any;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.FileFailures;
import dev.buildd.gateway.SolveException;
import dev.buildd.gateway.SolveException.Where;
import dev.buildd.gateway.grpc.FailureCodec;
import dev.buildd.proto.encoding.GoProtoJson;
import dev.buildd.proto.errdefs.CompatibilityFeature;
import dev.buildd.proto.errdefs.Frontend;
import dev.buildd.proto.errdefs.FrontendCap;
import dev.buildd.proto.stack.Frame;
import dev.buildd.proto.stack.Stack;
import dev.buildd.session.rpc.Statuses;
import dev.buildd.solver.compatibility.CompatibilityException;
import dev.buildd.solver.executor.ExitException;
import dev.buildd.solver.gateway.FrontendCapException;
import dev.buildd.solver.gateway.FrontendException;
import dev.buildd.solver.graph.VertexException;
import dev.buildd.solver.llb.LlbException;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Failures as clients of BuildKit read them: a status with details in JSON (wire.md section 10).
 */
public final class WireErrors {
  private WireErrors() {}

  /** The name that Go gives the status of a failure, {@code InvalidArgument}. */
  public static String codeName(Throwable failure) {
    Status.Code code = Status.fromCodeValue(statusOf(failure).getCode()).getCode();
    if (code == Status.Code.CANCELLED) {
      return "Canceled";
    }
    StringBuilder out = new StringBuilder();
    for (String word : code.name().split("_")) {
      out.append(word.charAt(0)).append(word.substring(1).toLowerCase(Locale.ROOT));
    }
    return out.toString();
  }

  /**
   * A failure that a frontend or a client itself reported: told on as it was, and known to whoever
   * else asks where it happened.
   */
  public static SolveException reported(com.google.rpc.Status status) {
    SolveException known = FailureCodec.of(status);
    return new SolveException(
        known.category(), status.getMessage(), known.where(), new Reported(status));
  }

  private static final class Reported extends BuildException {
    private static final long serialVersionUID = 1L;

    private final transient com.google.rpc.Status status;

    Reported(com.google.rpc.Status status) {
      super(
          Statuses.categoryOf(Status.fromCodeValue(status.getCode()).getCode()),
          status.getMessage());
      this.status = status;
    }
  }

  /** The status that tells of the failure, with its details in the trailers. */
  public static StatusRuntimeException of(Throwable failure) {
    if (failure instanceof StatusRuntimeException e) {
      return e;
    }
    return StatusProto.toStatusRuntimeException(statusOf(failure));
  }

  /** The failure as a message. */
  public static com.google.rpc.Status statusOf(Throwable failure) {
    if (failure.getCause() instanceof Reported reported && failure instanceof SolveException) {
      return reported.status;
    }
    Category category = BuildException.categoryOf(failure);
    if (category == Category.UNKNOWN && FileFailures.isDiskFull(failure)) {
      category = Category.RESOURCE_EXHAUSTED; // whoever met it first knew of files only
    }
    com.google.rpc.Status.Builder out =
        com.google.rpc.Status.newBuilder()
            .setCode(Statuses.codeOf(category).value())
            .setMessage(
                category == Category.CANCELED && failure instanceof InterruptedException
                    ? "context canceled"
                    : Statuses.textOf(failure));
    details(failure).forEach(out::addDetails);
    if (out.getCode() == Status.Code.OK.value()) {
      out.setCode(Status.Code.UNKNOWN.value());
    }
    return out.build();
  }

  /** As {@link #statusOf}, and where in this program it failed: too much for trailers. */
  public static com.google.rpc.Status tracedStatusOf(Throwable failure) {
    com.google.rpc.Status.Builder out = statusOf(failure).toBuilder();
    for (Throwable t = failure; t != null; t = t.getCause()) {
      Stack stack = stack(t);
      if (stack.getFramesCount() > 0) {
        out.addDetails(FailureCodec.detail("stack.Stack", GoProtoJson.toJson(stack)));
      }
    }
    return out.build();
  }

  private static Stack stack(Throwable failure) {
    Stack.Builder out = Stack.newBuilder().setPid((int) ProcessHandle.current().pid());
    for (StackTraceElement frame : failure.getStackTrace()) {
      out.addFrames(
          Frame.newBuilder()
              .setName(frame.getClassName() + "." + frame.getMethodName())
              .setFile(Objects.requireNonNullElse(frame.getFileName(), ""))
              .setLine(Math.max(frame.getLineNumber(), 0))); // negative in native methods
    }
    return out.build();
  }

  private static Set<Any> details(Throwable failure) {
    Set<Any> out = new LinkedHashSet<>(); // a frontend may repeat what the daemon told it
    for (Throwable t = failure; t != null; t = t.getCause()) {
      switch (t) {
        case Reported e -> out.addAll(e.status.getDetailsList());
        case FrontendException e ->
            out.add(
                FailureCodec.detail(
                    "errdefs.Frontend",
                    GoProtoJson.toJson(
                        Frontend.newBuilder().setName(e.name()).setSource(e.source()).build())));
        case FrontendCapException e ->
            out.add(
                FailureCodec.detail(
                    "errdefs.FrontendCap",
                    GoProtoJson.toJson(FrontendCap.newBuilder().setName(e.capability()).build())));
        case SolveException e when e.getCause() instanceof Reported -> {} // it is what comes next
        case SolveException e -> out.addAll(FailureCodec.details(e.where()));
        case dev.buildd.gateway.UnsupportedException e -> out.add(FailureCodec.detail(e));
        case LlbException e ->
            out.addAll(
                FailureCodec.details(new Where(e.places(), Optional.empty(), OptionalInt.empty())));
        case VertexException e ->
            out.addAll(
                FailureCodec.details(
                    new Where(
                        List.of(),
                        Optional.ofNullable(e.vertex()).map(Digest::toString),
                        OptionalInt.empty())));
        case CompatibilityException e ->
            out.add(
                FailureCodec.detail(
                    "errdefs.CompatibilityFeature",
                    GoProtoJson.toJson(
                        CompatibilityFeature.newBuilder()
                            .setVersion(e.version().number())
                            .setFeature(e.feature())
                            .build())));
        case ExitException e ->
            out.addAll(
                FailureCodec.details(
                    new Where(List.of(), Optional.empty(), OptionalInt.of(e.code()))));
        default -> {}
      }
    }
    return out;
  }
}
