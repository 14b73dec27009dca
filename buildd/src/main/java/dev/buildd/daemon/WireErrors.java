package dev.buildd.daemon;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.Message;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.proto.encoding.GoProtoJson;
import dev.buildd.proto.errdefs.CompatibilityFeature;
import dev.buildd.proto.errdefs.Source;
import dev.buildd.proto.errdefs.Vertex;
import dev.buildd.session.rpc.Statuses;
import dev.buildd.solver.compatibility.CompatibilityException;
import dev.buildd.solver.executor.ExitException;
import dev.buildd.solver.graph.SolveException;
import dev.buildd.solver.llb.LlbException;
import dev.buildd.solver.llb.SourceLocation;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Failures as clients of BuildKit read them: a status with details in JSON (wire.md section 10).
 */
final class WireErrors {
  private static final String PREFIX = "github.com/moby/buildkit/";

  private WireErrors() {}

  /** A failure that a client itself reported, to be told as it was. */
  static final class Reported extends Exception {
    private static final long serialVersionUID = 1L;

    private final transient com.google.rpc.Status status;

    Reported(com.google.rpc.Status status) {
      super(status.getMessage());
      this.status = status;
    }
  }

  /** The status that tells of the failure, with its details in the trailers. */
  static StatusRuntimeException of(Throwable failure) {
    if (failure instanceof StatusRuntimeException e) {
      return e;
    }
    return StatusProto.toStatusRuntimeException(statusOf(failure));
  }

  /** The failure as a message. */
  static com.google.rpc.Status statusOf(Throwable failure) {
    if (failure instanceof Reported reported) {
      return reported.status;
    }
    Category category = BuildException.categoryOf(failure);
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

  private static List<Any> details(Throwable failure) {
    List<Any> out = new ArrayList<>();
    for (Throwable t = failure; t != null; t = t.getCause()) {
      switch (t) {
        case LlbException e -> {
          for (SourceLocation location : e.locations()) {
            out.add(
                json(
                    "errdefs.Source",
                    Source.newBuilder()
                        .setInfo(location.info())
                        .addAllRanges(location.ranges())
                        .build()));
          }
        }
        case SolveException e -> {
          if (e.vertex() != null) {
            out.add(
                json(
                    "errdefs.Vertex",
                    Vertex.newBuilder().setDigest(e.vertex().toString()).build()));
          }
        }
        case CompatibilityException e ->
            out.add(
                json(
                    "errdefs.CompatibilityFeature",
                    CompatibilityFeature.newBuilder()
                        .setVersion(e.version().number())
                        .setFeature(e.feature())
                        .build()));
        case ExitException e ->
            out.add(json("gatewayapi.ExitMessage", "{\"Code\":" + e.code() + "}"));
        default -> {}
      }
    }
    return out;
  }

  private static Any json(String name, Message message) {
    return json(name, GoProtoJson.toJson(message));
  }

  private static Any json(String name, String text) {
    return Any.newBuilder()
        .setTypeUrl(PREFIX + name + "+json")
        .setValue(ByteString.copyFrom(text, StandardCharsets.UTF_8))
        .build();
  }
}
