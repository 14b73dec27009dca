package dev.buildd.trace.otlp;

import dev.buildd.proto.otlp.collector.ExportMetricsServiceRequest;
import dev.buildd.proto.otlp.collector.ExportTraceServiceRequest;
import dev.buildd.trace.Span;
import io.netty.channel.EventLoopGroup;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/** The way to a collector of traces or figures. Used by one thread. */
public interface OtlpTransport extends AutoCloseable {
  /**
   * Opens one; nothing is connected yet.
   *
   * @param loops for connections
   */
  static OtlpTransport open(OtlpSettings settings, EventLoopGroup loops) {
    return switch (settings.protocol()) {
      case GRPC -> new GrpcTransport(settings, loops);
      case HTTP -> new HttpTransport(settings);
    };
  }

  /** What became of a request. */
  enum Answer {
    TAKEN,
    /** It may be taken later. */
    BUSY,
    REFUSED
  }

  /**
   * Sends spans and waits for the answer.
   *
   * @throws IOException if there is none; it may be sent once more
   */
  Answer send(ExportTraceServiceRequest request) throws IOException, InterruptedException;

  /** As {@link #send(ExportTraceServiceRequest)}, of figures. */
  Answer send(ExportMetricsServiceRequest request) throws IOException, InterruptedException;

  /** As {@link #send(ExportTraceServiceRequest)}, of spans of this process. */
  default Answer send(Map<String, String> resource, List<Span> spans)
      throws IOException, InterruptedException {
    return send(
        ExportTraceServiceRequest.newBuilder()
            .addResourceSpans(OtlpMessages.of(resource, spans))
            .build());
  }

  @Override
  void close();
}
