package dev.buildd.daemon.rpc;

import dev.buildd.proto.otlp.collector.TraceServiceGrpc;
import dev.buildd.solver.source.RedactedUrl;
import dev.buildd.trace.Span;
import dev.buildd.trace.TraceContext;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ForwardingClientCall;
import io.grpc.ForwardingClientCallListener;
import io.grpc.ForwardingServerCall;
import io.grpc.ForwardingServerCallListener;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.health.v1.HealthGrpc;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/**
 * Single calls as spans, under the names and with the attributes that OpenTelemetry's conventions
 * have for them: those that clients make, as parts of the clients' traces if they name one, and
 * those that the daemon makes through a client's session, as parts of the call that is the session.
 * What serves a call finds the place of the call's span in the headers, where the client's stood.
 *
 * <p>Neither the handing over of spans is one, nor the question whether somebody is well: they
 * would be most of all spans.
 */
public final class CallSpans implements ServerInterceptor {
  private static final Metadata.Key<String> HEADER =
      Metadata.Key.of(TraceContext.HEADER, Metadata.ASCII_STRING_MARSHALLER);
  private static final Set<String> SILENT =
      Set.of(
          TraceServiceGrpc.getExportMethod().getFullMethodName(),
          HealthGrpc.getCheckMethod().getFullMethodName());

  private final Consumer<Span> exporter;

  /**
   * @param exporter takes spans at once, whatever becomes of them
   */
  public CallSpans(Consumer<Span> exporter) {
    this.exporter = exporter;
  }

  private static Optional<TraceContext> place(Metadata headers) {
    return Optional.ofNullable(headers.get(HEADER)).flatMap(TraceContext::parse);
  }

  private static void put(TraceContext place, Metadata headers) {
    headers.discardAll(HEADER);
    headers.put(HEADER, place.header());
  }

  /** A call under way. */
  private final class Underway {
    private final String method;
    private final Span.Kind kind;
    private final Optional<TraceContext> parent;
    private final TraceContext place;
    private final Instant begun = Instant.now();
    private final long begunNanos = System.nanoTime();
    private final AtomicBoolean ended = new AtomicBoolean();

    Underway(String method, Span.Kind kind, Optional<TraceContext> parent) {
      this.method = method;
      this.kind = kind;
      this.parent = parent;
      this.place = parent.map(TraceContext::child).orElseGet(TraceContext::root);
    }

    void end(Status status) {
      if (!ended.compareAndSet(false, true)) {
        return;
      }
      Map<String, String> attributes = new LinkedHashMap<>();
      attributes.put("rpc.system.name", "grpc");
      attributes.put("rpc.method", method);
      attributes.put("rpc.response.status_code", status.getCode().name());
      String said = status.getDescription();
      exporter.accept(
          new Span(
              method,
              kind,
              place,
              parent,
              kind == Span.Kind.SERVER && parent.isPresent(),
              begun,
              begun.plus(Duration.ofNanos(System.nanoTime() - begunNanos)),
              attributes,
              isError(status)
                  ? RedactedUrl.within(said == null ? status.getCode().name() : said)
                  : ""));
    }

    /** Of what a client has asked wrongly, the call itself is no failure of the daemon's. */
    private boolean isError(Status status) {
      return switch (status.getCode()) {
        case OK -> false;
        case UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS -> true;
        case CANCELLED,
            INVALID_ARGUMENT,
            NOT_FOUND,
            ALREADY_EXISTS,
            PERMISSION_DENIED,
            RESOURCE_EXHAUSTED,
            FAILED_PRECONDITION,
            ABORTED,
            OUT_OF_RANGE,
            UNAUTHENTICATED ->
            kind == Span.Kind.CLIENT;
      };
    }
  }

  @Override
  public <Q, P> ServerCall.Listener<Q> interceptCall(
      ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
    String method = call.getMethodDescriptor().getFullMethodName();
    Optional<TraceContext> client = place(headers);
    if (SILENT.contains(method) || !client.map(TraceContext::sampled).orElse(true)) {
      return next.startCall(call, headers);
    }
    Underway underway = new Underway(method, Span.Kind.SERVER, client);
    put(underway.place, headers);
    ServerCall<Q, P> watched =
        new ForwardingServerCall.SimpleForwardingServerCall<>(call) {
          @Override
          public void close(Status status, Metadata trailers) {
            underway.end(status);
            super.close(status, trailers);
          }
        };
    return new ForwardingServerCallListener.SimpleForwardingServerCallListener<>(
        next.startCall(watched, headers)) {
      @Override
      public void onCancel() {
        underway.end(Status.CANCELLED);
        super.onCancel();
      }
    };
  }

  /**
   * Makes spans of the calls through a session.
   *
   * @param headers those of the call that is the session
   * @return empty if whose trace it is does not keep it
   */
  public Optional<ClientInterceptor> within(Metadata headers) {
    return place(headers).filter(TraceContext::sampled).map(OfSession::new);
  }

  private final class OfSession implements ClientInterceptor {
    private final TraceContext session;

    OfSession(TraceContext session) {
      this.session = session;
    }

    @Override
    public <Q, P> ClientCall<Q, P> interceptCall(
        MethodDescriptor<Q, P> called, CallOptions options, Channel next) {
      ClientCall<Q, P> call = next.newCall(called, options);
      if (SILENT.contains(called.getFullMethodName())) {
        return call;
      }
      return new ForwardingClientCall.SimpleForwardingClientCall<>(call) {
        @Override
        public void start(Listener<P> listener, Metadata headers) {
          Underway underway =
              new Underway(called.getFullMethodName(), Span.Kind.CLIENT, Optional.of(session));
          put(underway.place, headers);
          super.start(
              new ForwardingClientCallListener.SimpleForwardingClientCallListener<>(listener) {
                @Override
                public void onClose(Status status, Metadata trailers) {
                  underway.end(status);
                  super.onClose(status, trailers);
                }
              },
              headers);
        }
      };
    }
  }
}
