package dev.buildd.daemon.history;

import com.google.protobuf.ByteString;
import dev.buildd.base.content.Digest;
import dev.buildd.daemon.build.StepCounts;
import dev.buildd.daemon.wire.ProgressMessages;
import dev.buildd.proto.control.Descriptor;
import dev.buildd.proto.control.StatusResponse;
import dev.buildd.proto.control.Vertex;
import dev.buildd.proto.control.VertexLog;
import dev.buildd.solver.graph.ProgressEvent;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The progress of one build, written to a file while the build goes on: messages, each after its
 * length in four bytes, the lowest first.
 *
 * <p>Used by one thread at a time.
 */
final class HistoryLog implements AutoCloseable {
  static final String TYPE = "application/vnd.buildkit.status.v0";
  private static final int READ_AT_ONCE = 1 << 20;
  private static final int MAX_MESSAGE = 64 << 20;

  private final Path file;
  private final OutputStream out;
  private final MessageDigest hash = Digest.newHash();
  private final ProgressMessages messages = new ProgressMessages();
  private long size;

  private HistoryLog(Path file, OutputStream out) {
    this.file = file;
    this.out = out;
  }

  /** Begins one; what was in the file is gone. */
  static HistoryLog create(Path file) throws IOException {
    return new HistoryLog(file, Files.newOutputStream(file));
  }

  /** What has happened since; output of steps that those who watch were not told is here. */
  void append(List<ProgressEvent> events) throws IOException {
    List<ProgressEvent> told = new ArrayList<>();
    for (ProgressEvent event : events) {
      switch (event) {
        case ProgressEvent.Log line when line.watchersOnly() -> {}
        case ProgressEvent.Clipped clipped -> {
          write(messages.of(told));
          told.clear();
          append(clipped);
        }
        default -> told.add(event);
      }
    }
    write(messages.of(told));
  }

  private void append(ProgressEvent.Clipped clipped) throws IOException {
    for (int done = 0; done < clipped.length(); done += READ_AT_ONCE) {
      byte[] part =
          clipped
              .file()
              .read(clipped.offset() + done, Math.min(READ_AT_ONCE, clipped.length() - done));
      write(
          StatusResponse.newBuilder()
              .addLogs(
                  VertexLog.newBuilder()
                      .setVertex(clipped.vertex().toString())
                      .setStream(clipped.stream())
                      .setMsg(ByteString.copyFrom(part))
                      .setTimestamp(ProgressMessages.timestamp(clipped.timestamp())))
              .build());
    }
  }

  private void write(List<StatusResponse> all) throws IOException {
    for (StatusResponse message : all) {
      write(message);
    }
  }

  private void write(StatusResponse message) throws IOException {
    byte[] bytes = message.toByteArray();
    ByteBuffer framed = ByteBuffer.allocate(4 + bytes.length).order(ByteOrder.LITTLE_ENDIAN);
    framed.putInt(bytes.length).put(bytes);
    out.write(framed.array());
    hash.update(framed.array());
    size += framed.capacity();
  }

  /** Ends it: what began and never ended was cancelled then. The file is whole after it. */
  Descriptor end(Instant at) throws IOException {
    Optional<StatusResponse> cancellations = messages.cancellations(at);
    if (cancellations.isPresent()) {
      write(cancellations.get());
    }
    out.close();
    return Descriptor.newBuilder()
        .setMediaType(TYPE)
        .setDigest(Digest.ofHash(hash.digest()).toString())
        .setSize(size)
        .build();
  }

  Path file() {
    return file;
  }

  @Override
  public void close() throws IOException {
    out.close();
  }

  /** Receives the messages of a log, in order. */
  @FunctionalInterface
  interface Reader {
    void read(StatusResponse message) throws IOException, InterruptedException;
  }

  /** Reads a log to its end, or to where its writer was killed. */
  static void read(Path file, Reader reader) throws IOException, InterruptedException {
    try (InputStream whole = Files.newInputStream(file);
        DataInputStream in = new DataInputStream(new BufferedInputStream(whole, 1 << 16))) {
      while (true) {
        byte[] head = in.readNBytes(4);
        if (head.length < 4) {
          return;
        }
        int length = ByteBuffer.wrap(head).order(ByteOrder.LITTLE_ENDIAN).getInt();
        if (length < 0 || length > MAX_MESSAGE) {
          throw new IOException(file + ": a message of " + length + " bytes");
        }
        byte[] message = in.readNBytes(length);
        if (message.length < length) {
          return;
        }
        reader.read(StatusResponse.parseFrom(message));
      }
    }
  }

  /**
   * A log that was mended.
   *
   * @param counts what became of the vertices that are in it
   */
  record Mended(Descriptor descriptor, StepCounts counts) {}

  /**
   * Ends a log whose writer was killed: what had begun and not ended says why.
   *
   * @param to where the whole log is then
   */
  static Mended mend(Path cut, Path to, String why, Instant at)
      throws IOException, InterruptedException {
    Map<String, Vertex> vertices = new LinkedHashMap<>();
    int[] warnings = {0};
    try (HistoryLog log =
        new HistoryLog(to, Files.newOutputStream(to, StandardOpenOption.CREATE_NEW))) {
      read(
          cut,
          message -> {
            message.getVertexesList().forEach(vertex -> vertices.put(vertex.getDigest(), vertex));
            warnings[0] += message.getWarningsCount();
            log.write(message);
          });
      StatusResponse.Builder rest = StatusResponse.newBuilder();
      for (Vertex vertex : vertices.values()) {
        if (vertex.hasStarted() && !vertex.hasCompleted()) {
          rest.addVertexes(
              vertex.toBuilder().setCompleted(ProgressMessages.timestamp(at)).setError(why));
        }
      }
      if (rest.getVertexesCount() > 0) {
        log.write(rest.build());
      }
      StepCounts counts =
          new StepCounts(
              vertices.size(),
              (int) vertices.values().stream().filter(Vertex::hasCompleted).count(),
              (int) vertices.values().stream().filter(Vertex::getCached).count(),
              warnings[0]);
      return new Mended(log.end(at), counts);
    }
  }
}
