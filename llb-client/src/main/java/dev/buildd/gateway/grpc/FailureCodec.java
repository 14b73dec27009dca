package dev.buildd.gateway.grpc;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.buildd.base.json.GoJson;
import dev.buildd.gateway.JsonValues;
import dev.buildd.gateway.SolveException;
import dev.buildd.gateway.SolveException.Subject;
import dev.buildd.gateway.UnsupportedException;
import dev.buildd.llb.Definition;
import dev.buildd.llb.SourceInfo;
import dev.buildd.llb.SourceMap;
import dev.buildd.proto.encoding.GoProtoJson;
import dev.buildd.proto.encoding.ProtoJson;
import dev.buildd.proto.errdefs.ContentCache;
import dev.buildd.proto.errdefs.Solve;
import dev.buildd.proto.errdefs.Source;
import dev.buildd.proto.errdefs.Vertex;
import dev.buildd.proto.pb.Op;
import dev.buildd.session.rpc.Statuses;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/** Failed builds as statuses with details in JSON, and back (wire.md section 10). */
public final class FailureCodec {
  private static final String PREFIX = "github.com/moby/buildkit/";
  private static final String VERTEX = "errdefs.Vertex";
  private static final String SOURCE = "errdefs.Source";
  private static final String SOLVE = "errdefs.Solve";
  private static final String EXIT = "gatewayapi.ExitMessage";

  private FailureCodec() {}

  // --- reading ---

  /** The failure of a call, in the daemon's own words. */
  static SolveException of(StatusRuntimeException cause) {
    return of(Statuses.textOf(cause), cause, StatusProto.fromThrowable(cause));
  }

  /** The failure of a call, told as what was being done, with the status as Go's client has it. */
  public static SolveException of(String doing, StatusRuntimeException cause) {
    return of(
        doing + ": " + named(cause) + Statuses.textOf(cause),
        cause,
        StatusProto.fromThrowable(cause));
  }

  /** A failure that came as a message. */
  public static SolveException of(com.google.rpc.Status status) {
    return new SolveException(
        Statuses.categoryOf(Status.fromCodeValue(status.getCode()).getCode()),
        status.getMessage(),
        where(status),
        StatusProto.toStatusRuntimeException(status));
  }

  private static SolveException of(
      String message, StatusRuntimeException cause, com.google.rpc.@Nullable Status status) {
    return new SolveException(
        Statuses.categoryOf(cause.getStatus().getCode()),
        message,
        status == null ? SolveException.Where.UNKNOWN : where(status),
        cause);
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

  private static SolveException.Where where(com.google.rpc.Status status) {
    List<SolveException.Place> places = new ArrayList<>();
    Optional<String> vertex = Optional.empty();
    OptionalInt exitCode = OptionalInt.empty();
    List<SolveException.FailedStep> steps = new ArrayList<>();
    for (Any detail : status.getDetailsList()) {
      String type = detail.getTypeUrl();
      Optional<Map<String, @Nullable Object>> value =
          type.startsWith(PREFIX)
              ? JsonValues.object(detail.getValue().toStringUtf8())
              : Optional.empty();
      if (value.isEmpty()) {
        continue;
      }
      switch (type.substring(PREFIX.length())) {
        case VERTEX + "+json" ->
            vertex =
                Optional.of(JsonValues.asText(value.get().get("digest")))
                    .filter(text -> !text.isEmpty());
        case SOLVE + "+json" -> step(value.get()).ifPresent(steps::add);
        case SOURCE + "+json" -> places.add(place(value.get()));
        case EXIT + "+json" -> exitCode = OptionalInt.of(JsonValues.asInt(value.get().get("Code")));
        default -> {} // stacks and hints for debuggers
      }
    }
    return new SolveException.Where(places, vertex, exitCode, steps);
  }

  /** Empty where the step is not known. */
  private static Optional<SolveException.FailedStep> step(Map<String, @Nullable Object> json) {
    Solve.Builder message = Solve.newBuilder();
    ProtoJson.merge(json, message);
    if (!message.hasOp()) {
      return Optional.empty();
    }
    return Optional.of(
        new SolveException.FailedStep(
            message.getOp().toByteArray(),
            message.getDescriptionMap(),
            message.getInputIDsList(),
            message.getMountIDsList(),
            switch (message.getSubjectCase()) {
              case FILE -> new Subject.FileAction((int) message.getFile().getIndex());
              case CACHE -> new Subject.InputContent((int) message.getCache().getIndex());
              case SUBJECT_NOT_SET -> new Subject.Whole();
            }));
  }

  private static SolveException.Place place(Map<String, @Nullable Object> source) {
    Map<String, @Nullable Object> info = JsonValues.asObject(source.get("info")).orElse(Map.of());
    List<SourceMap.Span> spans = new ArrayList<>();
    for (Object range : JsonValues.asList(source.get("ranges"))) {
      Map<String, @Nullable Object> ends = JsonValues.asObject(range).orElse(Map.of());
      Map<String, @Nullable Object> start = JsonValues.asObject(ends.get("start")).orElse(Map.of());
      Map<String, @Nullable Object> end = JsonValues.asObject(ends.get("end")).orElse(Map.of());
      spans.add(
          new SourceMap.Span(
              JsonValues.asInt(start.get("line")),
              JsonValues.asInt(start.get("character")),
              JsonValues.asInt(end.get("line")),
              JsonValues.asInt(end.get("character"))));
    }
    byte[] data;
    try {
      data = Base64.getDecoder().decode(JsonValues.asText(info.get("data")));
    } catch (IllegalArgumentException e) {
      data = new byte[0];
    }
    return new SolveException.Place(
        new SourceInfo(
            JsonValues.asText(info.get("filename")),
            JsonValues.asText(info.get("language")),
            data,
            Optional.<Definition>empty()), // in JSON it is of no use to anybody
        spans);
  }

  // --- writing ---

  /** What is told of the failure when a frontend ends with it. */
  static com.google.rpc.Status toProto(Throwable failure) {
    com.google.rpc.Status told = StatusProto.fromThrowable(failure);
    com.google.rpc.Status.Builder out =
        com.google.rpc.Status.newBuilder()
            .setCode(
                told == null ? Statuses.of(failure).getStatus().getCode().value() : told.getCode())
            .setMessage(messageOf(failure, told));
    for (Throwable t = failure;
        t != null && !(t instanceof StatusRuntimeException);
        t = t.getCause()) {
      if (t instanceof SolveException solve && !(t.getCause() instanceof StatusRuntimeException)) {
        out.addAllDetails(details(solve.where())); // else they are read from the status below
      } else if (t instanceof UnsupportedException unsupported) {
        out.addDetails(detail(unsupported));
      }
    }
    if (told != null) {
      out.addAllDetails(told.getDetailsList());
    }
    if (out.getCode() == Status.Code.OK.value()) {
      out.setCode(Status.Code.UNKNOWN.value());
    }
    return out.build();
  }

  /** The frontend's own words, if it has any. */
  private static String messageOf(Throwable failure, com.google.rpc.@Nullable Status told) {
    String own = failure instanceof StatusRuntimeException ? "" : Statuses.words(failure);
    return told != null && own.isEmpty() ? told.getMessage() : own;
  }

  /** What a status tells of where a build failed. */
  public static List<Any> details(SolveException.Where where) {
    List<Any> out = new ArrayList<>();
    for (SolveException.Place place : where.places()) {
      out.add(source(place));
    }
    where
        .vertex()
        .ifPresent(digest ->
            out.add(
                detail(VERTEX, GoProtoJson.toJson(Vertex.newBuilder().setDigest(digest).build()))));
    where.steps().forEach(step -> out.add(detail(SOLVE, ProtoJson.toJson(message(step)))));
    where.exitCode().ifPresent(code -> out.add(detail(EXIT, "{\"Code\":" + code + "}")));
    return out;
  }

  private static Solve message(SolveException.FailedStep step) {
    Solve.Builder out =
        Solve.newBuilder()
            .addAllInputIDs(step.inputIds())
            .addAllMountIDs(step.mountIds())
            .putAllDescription(step.description());
    try {
      out.setOp(Op.parseFrom(step.op()));
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalArgumentException("not a step", e);
    }
    switch (step.subject()) {
      case Subject.Whole _ -> {}
      case Subject.FileAction(int index) ->
          out.setFile(dev.buildd.proto.errdefs.FileAction.newBuilder().setIndex(index));
      case Subject.InputContent(int index) ->
          out.setCache(ContentCache.newBuilder().setIndex(index));
    }
    return out.build();
  }

  private static Any source(SolveException.Place place) {
    return detail(
        SOURCE,
        GoProtoJson.toJson(
            Source.newBuilder()
                .setInfo(place.source().toProto())
                .addAllRanges(place.spans().stream().map(SourceMap.Span::toProto).toList())
                .build()));
  }

  /** What a status tells of what a frontend does not know. */
  public static Any detail(UnsupportedException unsupported) {
    String name =
        switch (unsupported.kind()) {
          case CAPABILITY -> "errdefs.FrontendCap";
          case SUBREQUEST -> "errdefs.Subrequest";
        };
    return detail(name, "{\"name\":" + GoJson.quote(unsupported.name()) + "}");
  }

  /** A detail of a status. */
  public static Any detail(String name, String json) {
    return Any.newBuilder()
        .setTypeUrl(PREFIX + name + "+json")
        .setValue(ByteString.copyFrom(json, StandardCharsets.UTF_8))
        .build();
  }
}
