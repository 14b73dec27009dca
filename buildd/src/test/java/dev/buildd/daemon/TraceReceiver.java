package dev.buildd.daemon;

import com.sun.net.httpserver.HttpServer;
import dev.buildd.proto.otlp.collector.ExportMetricsServiceRequest;
import dev.buildd.proto.otlp.collector.ExportMetricsServiceResponse;
import dev.buildd.proto.otlp.collector.ExportTraceServiceRequest;
import dev.buildd.proto.otlp.collector.ExportTraceServiceResponse;
import dev.buildd.proto.otlp.collector.MetricsServiceGrpc;
import dev.buildd.proto.otlp.collector.TraceServiceGrpc;
import dev.buildd.proto.otlp.common.KeyValue;
import dev.buildd.proto.otlp.metrics.Metric;
import dev.buildd.proto.otlp.metrics.NumberDataPoint;
import dev.buildd.proto.otlp.trace.Span;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.Status;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;

/** A collector of traces and figures, which takes them by gRPC and by HTTP. */
final class TraceReceiver implements AutoCloseable {
  private final Server grpc;
  private final HttpServer http;
  private final BlockingQueue<Got> spans = new LinkedBlockingQueue<>();
  private final BlockingQueue<Figures> figures = new LinkedBlockingQueue<>();

  /** How many requests it answers that it is too busy, from now on. */
  final AtomicInteger busy = new AtomicInteger();

  /**
   * Figures that came.
   *
   * @param metrics by their names
   * @param header what the header {@code x-key} said
   */
  record Figures(Map<String, Metric> metrics, Map<String, String> resource, String header) {
    Metric metric(String name) {
      return Objects.requireNonNull(metrics.get(name), name);
    }

    /** A number that has these labels, names and values in turn. */
    NumberDataPoint number(String name, String... labels) {
      Map<String, String> wanted = new HashMap<>();
      for (int i = 0; i < labels.length; i += 2) {
        wanted.put(labels[i], labels[i + 1]);
      }
      Metric metric = metric(name);
      List<NumberDataPoint> points =
          metric.hasSum()
              ? metric.getSum().getDataPointsList()
              : metric.getGauge().getDataPointsList();
      return points.stream()
          .filter(point -> map(point.getAttributesList()).equals(wanted))
          .findFirst()
          .orElseThrow(() -> new AssertionError(name + wanted + " is not in " + points));
    }
  }

  /**
   * A span that came.
   *
   * @param header what the header {@code x-key} said
   */
  record Got(Span span, Map<String, String> resource, String header) {
    String trace() {
      return hex(span.getTraceId().toByteArray());
    }

    String id() {
      return hex(span.getSpanId().toByteArray());
    }

    String parent() {
      return hex(span.getParentSpanId().toByteArray());
    }

    Map<String, String> attributes() {
      return map(span.getAttributesList());
    }

    private static String hex(byte[] bytes) {
      return HexFormat.of().formatHex(bytes);
    }
  }

  TraceReceiver() throws IOException {
    grpc =
        NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
            .addService(ServerInterceptors.intercept(new Service(), new Headers()))
            .addService(ServerInterceptors.intercept(new MetricsService(), new Headers()))
            .build()
            .start();
    http = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    answer("/v1/traces", (body, key) -> take(ExportTraceServiceRequest.parseFrom(body), key));
    answer("/v1/metrics", (body, key) -> take(ExportMetricsServiceRequest.parseFrom(body), key));
    http.start();
  }

  /** Takes a message, and what its header said. */
  @FunctionalInterface
  private interface Taker {
    void take(byte[] body, String header) throws IOException;
  }

  private void answer(String path, Taker taker) {
    http.createContext(
        path,
        exchange -> {
          byte[] body = exchange.getRequestBody().readAllBytes();
          boolean taken = busy.getAndUpdate(n -> Math.max(0, n - 1)) == 0;
          if (taken
              && exchange
                  .getRequestHeaders()
                  .getFirst("Content-Type")
                  .equals("application/x-protobuf")) {
            taker.take(
                body,
                Objects.requireNonNullElse(exchange.getRequestHeaders().getFirst("x-key"), ""));
          }
          exchange.sendResponseHeaders(taken ? 200 : 503, -1);
          exchange.close();
        });
  }

  private static final Metadata.Key<String> KEY =
      Metadata.Key.of("x-key", Metadata.ASCII_STRING_MARSHALLER);
  private static final ThreadLocal<String> HEADER = ThreadLocal.withInitial(() -> "");

  /** Calls of one message have one thread from their half-close to their end. */
  private static final class Headers implements ServerInterceptor {
    @Override
    public <Q, P> ServerCall.Listener<Q> interceptCall(
        ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
      String key = Objects.requireNonNullElse(headers.get(KEY), "");
      return new io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener<>(
          next.startCall(call, headers)) {
        @Override
        public void onHalfClose() {
          HEADER.set(key);
          super.onHalfClose();
        }
      };
    }
  }

  private final class Service extends TraceServiceGrpc.TraceServiceImplBase {
    @Override
    public void export(
        ExportTraceServiceRequest request, StreamObserver<ExportTraceServiceResponse> answer) {
      if (busy.getAndUpdate(n -> Math.max(0, n - 1)) > 0) {
        answer.onError(Status.UNAVAILABLE.asRuntimeException());
        return;
      }
      take(request, HEADER.get());
      answer.onNext(ExportTraceServiceResponse.getDefaultInstance());
      answer.onCompleted();
    }
  }

  private final class MetricsService extends MetricsServiceGrpc.MetricsServiceImplBase {
    @Override
    public void export(
        ExportMetricsServiceRequest request, StreamObserver<ExportMetricsServiceResponse> answer) {
      take(request, HEADER.get());
      answer.onNext(ExportMetricsServiceResponse.getDefaultInstance());
      answer.onCompleted();
    }
  }

  private void take(ExportMetricsServiceRequest request, String header) {
    request
        .getResourceMetricsList()
        .forEach(resource -> {
          Map<String, Metric> metrics = new HashMap<>();
          resource.getScopeMetricsList().stream()
              .flatMap(scope -> scope.getMetricsList().stream())
              .forEach(metric -> metrics.put(metric.getName(), metric));
          figures.add(
              new Figures(metrics, map(resource.getResource().getAttributesList()), header));
        });
  }

  private void take(ExportTraceServiceRequest request, String header) {
    request
        .getResourceSpansList()
        .forEach(resource ->
            resource
                .getScopeSpansList()
                .forEach(scope ->
                    scope
                        .getSpansList()
                        .forEach(span ->
                            spans.add(
                                new Got(
                                    span,
                                    map(resource.getResource().getAttributesList()),
                                    header)))));
  }

  private static Map<String, String> map(List<KeyValue> pairs) {
    Map<String, String> out = new HashMap<>();
    pairs.forEach(pair -> out.put(pair.getKey(), pair.getValue().getStringValue()));
    return out;
  }

  String grpcEndpoint() {
    return "http://127.0.0.1:" + grpc.getPort();
  }

  String httpEndpoint() {
    return "http://127.0.0.1:" + http.getAddress().getPort();
  }

  /** Waits for a span, passing over others. */
  Got await(Predicate<Got> wanted) throws InterruptedException {
    while (true) {
      Got next = Objects.requireNonNull(spans.poll(20, TimeUnit.SECONDS), "no such span has come");
      if (wanted.test(next)) {
        return next;
      }
    }
  }

  /** Waits for the next figures. */
  Figures awaitFigures() throws InterruptedException {
    return Objects.requireNonNull(figures.poll(20, TimeUnit.SECONDS), "no figures have come");
  }

  /** The figures that came last, of those that nobody has asked for. */
  Optional<Figures> lastFigures() {
    List<Figures> all = new ArrayList<>();
    figures.drainTo(all);
    return all.isEmpty() ? Optional.empty() : Optional.of(all.getLast());
  }

  boolean isEmpty() {
    return spans.isEmpty();
  }

  @Override
  public void close() {
    grpc.shutdownNow();
    http.stop(0);
  }
}
