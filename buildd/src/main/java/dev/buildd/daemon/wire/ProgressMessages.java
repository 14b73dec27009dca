package dev.buildd.daemon.wire;

import com.google.protobuf.ByteString;
import com.google.protobuf.Timestamp;
import dev.buildd.base.content.Digest;
import dev.buildd.proto.control.StatusResponse;
import dev.buildd.proto.control.Vertex;
import dev.buildd.proto.control.VertexLog;
import dev.buildd.proto.control.VertexStatus;
import dev.buildd.proto.control.VertexWarning;
import dev.buildd.proto.pb.Definition;
import dev.buildd.proto.pb.Position;
import dev.buildd.proto.pb.ProgressGroup;
import dev.buildd.proto.pb.Range;
import dev.buildd.proto.pb.SourceInfo;
import dev.buildd.solver.graph.ProgressEvent;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Progress as it goes over the wire (wire.md section 2.3). */
public final class ProgressMessages {
  private static final int MAX_LOG_BYTES = 1 << 20;

  /** Vertices that began and have not ended, to be told of at the end. */
  private final Map<Digest, ProgressEvent.VertexState> unfinished = new LinkedHashMap<>();

  public static Timestamp timestamp(Instant instant) {
    return Timestamp.newBuilder()
        .setSeconds(instant.getEpochSecond())
        .setNanos(instant.getNano())
        .build();
  }

  /** The events in as few messages as their sizes allow. */
  public List<StatusResponse> of(List<ProgressEvent> events) {
    List<StatusResponse> out = new ArrayList<>();
    StatusResponse.Builder next = StatusResponse.newBuilder();
    int logged = 0;
    for (ProgressEvent event : events) {
      switch (event) {
        case ProgressEvent.VertexState state -> {
          if (state.started().isPresent() && state.completed().isEmpty()) {
            unfinished.put(state.vertex(), state);
          } else {
            unfinished.remove(state.vertex());
          }
          next.addVertexes(vertex(state));
        }
        case ProgressEvent.Status status -> next.addStatuses(status(status));
        case ProgressEvent.Log log -> {
          if (logged > 0 && logged + log.data().length > MAX_LOG_BYTES) {
            out.add(next.build());
            next = StatusResponse.newBuilder();
            logged = 0;
          }
          logged += log.data().length;
          next.addLogs(
              VertexLog.newBuilder()
                  .setVertex(log.vertex().toString())
                  .setStream(log.stream())
                  .setMsg(ByteString.copyFrom(log.data()))
                  .setTimestamp(timestamp(log.timestamp())));
        }
        case ProgressEvent.Warning warning -> next.addWarnings(warning(warning));
        case ProgressEvent.Clipped _ -> {} // only a record has it
        case ProgressEvent.Used _ -> {} // traces have it
        case ProgressEvent.Explained _ -> {} // who asked for it is told a status besides
        case ProgressEvent.SourceResolved _ -> {} // clients see it in what exporters tell
      }
    }
    if (next.getVertexesCount()
            + next.getStatusesCount()
            + next.getLogsCount()
            + next.getWarningsCount()
        > 0) {
      out.add(next.build());
    }
    return out;
  }

  /** What began and never ended was cancelled with the build. */
  public Optional<StatusResponse> cancellations(Instant now) {
    if (unfinished.isEmpty()) {
      return Optional.empty();
    }
    StatusResponse.Builder out = StatusResponse.newBuilder();
    for (ProgressEvent.VertexState state : unfinished.values()) {
      out.addVertexes(vertex(state).setCompleted(timestamp(now)).setError("context canceled"));
    }
    unfinished.clear();
    return Optional.of(out.build());
  }

  private static Vertex.Builder vertex(ProgressEvent.VertexState state) {
    Vertex.Builder out =
        Vertex.newBuilder()
            .setDigest(state.vertex().toString())
            .setName(state.name())
            .setCached(state.cached())
            .setError(state.error());
    state.inputs().forEach(input -> out.addInputs(input.toString()));
    state.started().ifPresent(at -> out.setStarted(timestamp(at)));
    state.completed().ifPresent(at -> out.setCompleted(timestamp(at)));
    state
        .group()
        .ifPresent(group ->
            out.setProgressGroup(
                ProgressGroup.newBuilder()
                    .setId(group.id())
                    .setName(group.name())
                    .setWeak(group.weak())));
    return out;
  }

  private static VertexStatus status(ProgressEvent.Status status) {
    VertexStatus.Builder out =
        VertexStatus.newBuilder()
            .setID(status.id())
            .setVertex(status.vertex().toString())
            .setName(status.name())
            .setCurrent(status.current())
            .setTotal(status.total())
            .setTimestamp(timestamp(status.timestamp()));
    status.started().ifPresent(at -> out.setStarted(timestamp(at)));
    status.completed().ifPresent(at -> out.setCompleted(timestamp(at)));
    return out.build();
  }

  private static VertexWarning warning(ProgressEvent.Warning warning) {
    VertexWarning.Builder out =
        VertexWarning.newBuilder()
            .setVertex(warning.vertex().toString())
            .setLevel(warning.level())
            .setShort(ByteString.copyFrom(warning.summary()))
            .setUrl(warning.url());
    warning.detail().forEach(line -> out.addDetail(ByteString.copyFrom(line)));
    warning
        .source()
        .ifPresent(source -> {
          SourceInfo.Builder info =
              SourceInfo.newBuilder()
                  .setFilename(source.filename())
                  .setData(ByteString.copyFrom(source.data()))
                  .setLanguage(source.language());
          if (source.definition().length > 0) {
            info.setDefinition(parsed(source.definition()));
          }
          out.setInfo(info);
        });
    for (ProgressEvent.SourceRange range : warning.ranges()) {
      out.addRanges(
          Range.newBuilder()
              .setStart(
                  Position.newBuilder()
                      .setLine(range.startLine())
                      .setCharacter(range.startCharacter()))
              .setEnd(
                  Position.newBuilder()
                      .setLine(range.endLine())
                      .setCharacter(range.endCharacter())));
    }
    return out.build();
  }

  private static Definition parsed(byte[] definition) {
    try {
      return Definition.parseFrom(definition);
    } catch (com.google.protobuf.InvalidProtocolBufferException e) {
      throw new IllegalStateException("these bytes were made from a message", e);
    }
  }
}
