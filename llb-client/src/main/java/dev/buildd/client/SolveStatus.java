package dev.buildd.client;

import com.google.protobuf.ByteString;
import com.google.protobuf.Timestamp;
import dev.buildd.base.content.Digest;
import dev.buildd.proto.control.StatusResponse;
import dev.buildd.proto.pb.ProgressGroup;
import dev.buildd.proto.pb.Range;
import dev.buildd.proto.pb.SourceInfo;
import dev.buildd.session.ClientSession;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** News of a build's progress. */
public record SolveStatus(
    List<Vertex> vertexes, List<Status> statuses, List<Log> logs, List<Warning> warnings) {
  public SolveStatus {
    vertexes = List.copyOf(vertexes);
    statuses = List.copyOf(statuses);
    logs = List.copyOf(logs);
    warnings = List.copyOf(warnings);
  }

  /** A step, as it stands now. */
  public record Vertex(
      String digest,
      List<String> inputs,
      String name,
      Optional<Instant> started,
      Optional<Instant> completed,
      boolean cached,
      String error,
      Optional<ProgressGroup> progressGroup) {}

  /** A part of a step's work, such as a download. */
  public record Status(
      String id,
      String vertex,
      String name,
      long total,
      long current,
      Instant timestamp,
      Optional<Instant> started,
      Optional<Instant> completed) {}

  /** What a step's command wrote: stream 1 is its output, 2 its errors. */
  public record Log(String vertex, int stream, ByteString data, Instant timestamp) {}

  /** Something to mend, that did not fail the build. */
  public record Warning(
      String vertex,
      int level,
      ByteString message,
      List<ByteString> detail,
      String url,
      Optional<SourceInfo> source,
      List<Range> ranges) {}

  /** News of something that was done here, as if it were a step. */
  static SolveStatus ofDone(String name) {
    Optional<Instant> now = Optional.of(Instant.now());
    String digest = Digest.of(ClientSession.newId()).toString();
    return new SolveStatus(
        List.of(new Vertex(digest, List.of(), name, now, now, false, "", Optional.empty())),
        List.of(),
        List.of(),
        List.of());
  }

  static SolveStatus of(StatusResponse response) {
    return new SolveStatus(
        response.getVertexesList().stream()
            .map(v ->
                new Vertex(
                    v.getDigest(),
                    List.copyOf(v.getInputsList()),
                    v.getName(),
                    v.hasStarted() ? Optional.of(instant(v.getStarted())) : Optional.empty(),
                    v.hasCompleted() ? Optional.of(instant(v.getCompleted())) : Optional.empty(),
                    v.getCached(),
                    v.getError(),
                    v.hasProgressGroup() ? Optional.of(v.getProgressGroup()) : Optional.empty()))
            .toList(),
        response.getStatusesList().stream()
            .map(s ->
                new Status(
                    s.getID(),
                    s.getVertex(),
                    s.getName(),
                    s.getTotal(),
                    s.getCurrent(),
                    instant(s.getTimestamp()),
                    s.hasStarted() ? Optional.of(instant(s.getStarted())) : Optional.empty(),
                    s.hasCompleted() ? Optional.of(instant(s.getCompleted())) : Optional.empty()))
            .toList(),
        response.getLogsList().stream()
            .map(l ->
                new Log(l.getVertex(), (int) l.getStream(), l.getMsg(), instant(l.getTimestamp())))
            .toList(),
        response.getWarningsList().stream()
            .map(w ->
                new Warning(
                    w.getVertex(),
                    (int) w.getLevel(),
                    w.getShort(),
                    List.copyOf(w.getDetailList()),
                    w.getUrl(),
                    w.hasInfo() ? Optional.of(w.getInfo()) : Optional.empty(),
                    List.copyOf(w.getRangesList())))
            .toList());
  }

  static Instant instant(Timestamp timestamp) {
    return Instant.ofEpochSecond(timestamp.getSeconds(), timestamp.getNanos());
  }
}
