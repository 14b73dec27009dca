package dev.buildd.daemon.rpc;

import dev.buildd.daemon.wire.WireErrors;
import dev.buildd.session.rpc.Handlers;
import dev.buildd.session.rpc.MessageStream;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.ForwardingServerCall;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.StatusRuntimeException;
import java.time.Clock;
import java.time.format.DateTimeFormatter;

/** What all services of the daemon share. */
public final class Services {
  private Services() {}

  /** Answers one message with another. */
  @FunctionalInterface
  interface Unary<Q, P> {
    P answer(Q request, Metadata headers) throws Exception;
  }

  /** Answers one message with several. */
  @FunctionalInterface
  interface Streaming<Q, P> {
    void answer(Q request, MessageStream<P, Q> out) throws Exception;
  }

  static <Q, P> ServerCallHandler<Q, P> unary(Unary<Q, P> body) {
    return Handlers.unary((request, headers) -> {
      try {
        return body.answer(request, headers);
      } catch (Exception | Error e) {
        throw statusOf(e);
      }
    });
  }

  private static StatusRuntimeException statusOf(Throwable failure) {
    FailureLog.called(Thread.currentThread().getName(), failure);
    return WireErrors.of(failure);
  }

  static <Q, P> ServerCallHandler<Q, P> streaming(Streaming<Q, P> body) {
    return Handlers.streaming((stream, headers) -> {
      try {
        Q request = stream.read();
        if (request != null) {
          body.answer(request, stream);
        }
      } catch (Exception | Error e) {
        throw statusOf(e);
      }
    });
  }

  /** Talks with the caller until it returns. */
  @FunctionalInterface
  interface Talking<Q, P> {
    void talk(MessageStream<P, Q> stream, Metadata headers) throws Exception;
  }

  static <Q, P> ServerCallHandler<Q, P> talking(Talking<Q, P> body) {
    return Handlers.streaming((stream, headers) -> {
      try {
        body.talk(stream, headers);
      } catch (Exception | Error e) {
        throw statusOf(e);
      }
    });
  }

  /** Tells the client the daemon's time, by which it corrects what it shows. */
  public static ServerInterceptor timestamp(Clock clock) {
    Metadata.Key<String> key =
        Metadata.Key.of("buildkit-current-timestamp", Metadata.ASCII_STRING_MARSHALLER);
    return new ServerInterceptor() {
      @Override
      public <Q, P> ServerCall.Listener<Q> interceptCall(
          ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
        String method = call.getMethodDescriptor().getBareMethodName();
        if (!"Status".equals(method) && !"ListenBuildHistory".equals(method)) {
          return next.startCall(call, headers);
        }
        return Contexts.interceptCall(
            Context.current(),
            new ForwardingServerCall.SimpleForwardingServerCall<>(call) {
              @Override
              public void sendHeaders(Metadata sent) {
                sent.put(key, DateTimeFormatter.ISO_INSTANT.format(clock.instant()));
                super.sendHeaders(sent);
              }
            },
            headers,
            next);
      }
    };
  }
}
