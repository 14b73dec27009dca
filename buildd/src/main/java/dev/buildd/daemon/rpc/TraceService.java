package dev.buildd.daemon.rpc;

import dev.buildd.proto.otlp.collector.ExportTraceServiceRequest;
import dev.buildd.proto.otlp.collector.ExportTraceServiceResponse;
import dev.buildd.proto.otlp.collector.TraceServiceGrpc;
import dev.buildd.proto.otlp.trace.ResourceSpans;
import io.grpc.ServerServiceDefinition;
import java.util.function.Consumer;

/**
 * Takes the spans of clients (wire.md section 11), which have no way of their own to where traces
 * go: they pass on through the daemon, if it knows one, and are forgotten otherwise.
 */
public final class TraceService {
  private final Consumer<ResourceSpans> exporter;

  /**
   * @param exporter takes spans at once, whatever becomes of them
   */
  public TraceService(Consumer<ResourceSpans> exporter) {
    this.exporter = exporter;
  }

  public ServerServiceDefinition definition() {
    return ServerServiceDefinition.builder(TraceServiceGrpc.getServiceDescriptor())
        .addMethod(TraceServiceGrpc.getExportMethod(), Services.unary((r, h) -> export(r)))
        .build();
  }

  private ExportTraceServiceResponse export(ExportTraceServiceRequest request) {
    request.getResourceSpansList().forEach(exporter);
    return ExportTraceServiceResponse.getDefaultInstance();
  }
}
