package dev.buildd.trace.otlp;

import dev.buildd.proto.otlp.collector.ExportMetricsServiceRequest;
import dev.buildd.proto.otlp.collector.ExportTraceServiceRequest;
import dev.buildd.proto.otlp.collector.MetricsServiceGrpc;
import dev.buildd.proto.otlp.collector.TraceServiceGrpc;
import dev.buildd.session.rpc.Calls;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.socket.nio.NioSocketChannel;
import java.io.IOException;
import java.util.concurrent.TimeUnit;

/** Calls the collector's service. */
final class GrpcTransport implements OtlpTransport {
  private final OtlpSettings settings;
  private final ManagedChannel channel;

  GrpcTransport(OtlpSettings settings, EventLoopGroup loops) {
    this.settings = settings;
    NettyChannelBuilder builder =
        NettyChannelBuilder.forAddress(settings.endpoint().getHost(), settings.port())
            .channelFactory(NioSocketChannel::new)
            .eventLoopGroup(loops)
            .directExecutor()
            .disableRetry();
    if (!settings.isEncrypted()) {
      builder.usePlaintext();
    }
    channel = builder.build();
  }

  @Override
  public Answer send(ExportTraceServiceRequest request) throws IOException, InterruptedException {
    return call(TraceServiceGrpc.getExportMethod(), request);
  }

  @Override
  public Answer send(ExportMetricsServiceRequest request) throws IOException, InterruptedException {
    return call(MetricsServiceGrpc.getExportMethod(), request);
  }

  private <Q, P> Answer call(MethodDescriptor<Q, P> method, Q request)
      throws IOException, InterruptedException {
    Metadata headers = new Metadata();
    settings
        .headers()
        .forEach((name, value) ->
            headers.put(Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER), value));
    try {
      Calls.unary(
          channel,
          method,
          headers,
          request,
          CallOptions.DEFAULT.withDeadlineAfter(
              settings.patience().toMillis(), TimeUnit.MILLISECONDS));
      return Answer.TAKEN;
    } catch (StatusRuntimeException e) {
      return switch (e.getStatus().getCode()) {
        case UNAVAILABLE, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, CANCELLED, DATA_LOSS ->
            throw new IOException(e.getMessage(), e);
        case RESOURCE_EXHAUSTED -> Answer.BUSY;
        default -> Answer.REFUSED;
      };
    }
  }

  @Override
  public void close() {
    channel.shutdownNow();
  }
}
