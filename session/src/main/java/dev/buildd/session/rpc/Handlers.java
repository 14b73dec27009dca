package dev.buildd.session.rpc;

import dev.buildd.base.concurrent.Threads;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Serves gRPC calls in blocking style: each call has a virtual thread, which is interrupted when
 * the caller goes away.
 */
public final class Handlers {
  private Handlers() {}

  /** Serves one streaming call; the call ends when it returns. */
  @FunctionalInterface
  public interface Streaming<Q, P> {
    void serve(MessageStream<P, Q> stream, Metadata headers) throws Exception;
  }

  /** Serves one call of one message each way. */
  @FunctionalInterface
  public interface Unary<Q, P> {
    P serve(Q request, Metadata headers) throws Exception;
  }

  /** A handler for a method of one message each way. */
  public static <Q, P> ServerCallHandler<Q, P> unary(Unary<Q, P> body) {
    return streaming((stream, headers) -> {
      Q request = stream.read();
      if (request == null) {
        throw Status.INVALID_ARGUMENT.withDescription("no request").asRuntimeException();
      }
      stream.write(body.serve(request, headers));
    });
  }

  /** A handler for a method with streams. */
  public static <Q, P> ServerCallHandler<Q, P> streaming(Streaming<Q, P> body) {
    return (call, headers) -> {
      MessageStream<P, Q> stream = MessageStream.serve(call);
      MethodDescriptor<Q, P> method = call.getMethodDescriptor();
      AtomicReference<@Nullable Thread> running = new AtomicReference<>();
      Thread thread =
          Threads.unstarted(
              "serve " + method.getFullMethodName(),
              () -> {
                serve(call, headers, stream, body);
                running.set(null);
              });
      running.set(thread);
      thread.start();
      return new ServerCall.Listener<>() {
        @Override
        public void onMessage(Q message) {
          stream.received(message);
        }

        @Override
        public void onHalfClose() {
          stream.peerHalfClosed();
        }

        @Override
        public void onReady() {
          stream.wake();
        }

        @Override
        public void onCancel() {
          stream.end(Status.CANCELLED.withDescription("the caller is gone").asRuntimeException());
          Thread busy = running.get();
          if (busy != null) {
            busy.interrupt();
          }
        }
      };
    };
  }

  private static <Q, P> void serve(
      ServerCall<Q, P> call, Metadata headers, MessageStream<P, Q> stream, Streaming<Q, P> body) {
    Status status = Status.OK;
    Metadata trailers = new Metadata();
    try {
      body.serve(stream, headers);
    } catch (Throwable e) {
      // the daemon's services have put theirs into its words by now
      StatusRuntimeException failure = Statuses.inOwnWords(e);
      status = failure.getStatus();
      Metadata sent = failure.getTrailers();
      trailers = sent == null ? trailers : sent;
    }
    stream.close();
    try {
      call.close(status, trailers);
    } catch (IllegalStateException e) {
      // cancelled meanwhile: nobody is left to be told
    }
  }
}
