package dev.buildd.gateway;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import dev.buildd.base.error.BuildException;
import dev.buildd.session.rpc.Statuses;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/** A build failed; with what the daemon tells of where and why (wire.md section 10). */
public final class SolveException extends BuildException {
  private static final long serialVersionUID = 1L;
  private static final String PREFIX = "github.com/moby/buildkit/";

  /** Lines of a text, both counted. */
  public record Span(int startLine, int startCharacter, int endLine, int endCharacter) {}

  /** The place in the text that the failed step was made from. */
  public record Place(String filename, ByteString data, List<Span> spans) {}

  private final transient com.google.rpc.Status status;
  private final transient List<Place> places;
  private final String vertex;
  private final int exitCode;

  private SolveException(String message, StatusRuntimeException cause) {
    super(Statuses.categoryOf(cause.getStatus().getCode()), message, cause);
    com.google.rpc.Status found = StatusProto.fromThrowable(cause);
    this.status = found == null ? com.google.rpc.Status.getDefaultInstance() : found;
    List<Place> sources = new ArrayList<>();
    String digest = "";
    int code = -1;
    for (Any detail : status.getDetailsList()) {
      String type = detail.getTypeUrl();
      Optional<Map<String, @Nullable Object>> value =
          type.startsWith(PREFIX)
              ? Json.object(detail.getValue().toStringUtf8())
              : Optional.empty();
      if (value.isEmpty()) {
        continue;
      }
      switch (type.substring(PREFIX.length())) {
        case "errdefs.Vertex+json" -> digest = Json.asText(value.get().get("digest"));
        case "errdefs.Source+json" -> sources.add(place(value.get()));
        case "gatewayapi.ExitMessage+json" -> code = Json.asInt(value.get().get("Code"));
        default -> {} // stacks and hints for debuggers
      }
    }
    this.places = List.copyOf(sources);
    this.vertex = digest;
    this.exitCode = code;
  }

  /** The failure of a call, told as what was being done. */
  public static SolveException of(String doing, StatusRuntimeException cause) {
    return new SolveException(doing + ": " + named(cause) + Statuses.textOf(cause), cause);
  }

  /** The name of the status code in front of the text, as Go's client has it. */
  private static String named(StatusRuntimeException cause) {
    return switch (cause.getStatus().getCode()) {
      case OK, UNKNOWN -> "";
      case CANCELLED -> "Canceled: ";
      case INVALID_ARGUMENT -> "InvalidArgument: ";
      case DEADLINE_EXCEEDED -> "DeadlineExceeded: ";
      case NOT_FOUND -> "NotFound: ";
      case ALREADY_EXISTS -> "AlreadyExists: ";
      case PERMISSION_DENIED -> "PermissionDenied: ";
      case RESOURCE_EXHAUSTED -> "ResourceExhausted: ";
      case FAILED_PRECONDITION -> "FailedPrecondition: ";
      case ABORTED -> "Aborted: ";
      case OUT_OF_RANGE -> "OutOfRange: ";
      case UNIMPLEMENTED -> "Unimplemented: ";
      case INTERNAL -> "Internal: ";
      case UNAVAILABLE -> "Unavailable: ";
      case DATA_LOSS -> "DataLoss: ";
      case UNAUTHENTICATED -> "Unauthenticated: ";
    };
  }

  private static Place place(Map<String, @Nullable Object> source) {
    Map<String, @Nullable Object> info = Json.asObject(source.get("info")).orElse(Map.of());
    List<Span> spans = new ArrayList<>();
    for (Object range : Json.asList(source.get("ranges"))) {
      Map<String, @Nullable Object> ends = Json.asObject(range).orElse(Map.of());
      Map<String, @Nullable Object> start = Json.asObject(ends.get("start")).orElse(Map.of());
      Map<String, @Nullable Object> end = Json.asObject(ends.get("end")).orElse(Map.of());
      spans.add(
          new Span(
              Json.asInt(start.get("line")),
              Json.asInt(start.get("character")),
              Json.asInt(end.get("line")),
              Json.asInt(end.get("character"))));
    }
    ByteString data;
    try {
      data = ByteString.copyFrom(Base64.getDecoder().decode(Json.asText(info.get("data"))));
    } catch (IllegalArgumentException e) {
      data = ByteString.EMPTY;
    }
    return new Place(Json.asText(info.get("filename")), data, List.copyOf(spans));
  }

  /** The status with all its details, as it came. */
  public com.google.rpc.Status status() {
    return status;
  }

  public List<Place> places() {
    return places;
  }

  /** The digest of the step that failed. */
  public Optional<String> vertex() {
    return vertex.isEmpty() ? Optional.empty() : Optional.of(vertex);
  }

  /** With what the step's command exited. */
  public OptionalInt exitCode() {
    return exitCode < 0 ? OptionalInt.empty() : OptionalInt.of(exitCode);
  }
}
