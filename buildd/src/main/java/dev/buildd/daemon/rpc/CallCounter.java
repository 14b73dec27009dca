package dev.buildd.daemon.rpc;

import dev.buildd.daemon.metrics.CallMetrics;
import io.grpc.ForwardingServerCall;
import io.grpc.ForwardingServerCallListener;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import java.util.concurrent.atomic.AtomicBoolean;

/** Counts the calls of clients once they have ended, whoever ended them. */
public final class CallCounter implements ServerInterceptor {
  private final CallMetrics metrics;
  private final CallBook book;

  public CallCounter(CallMetrics metrics, CallBook book) {
    this.metrics = metrics;
    this.book = book;
  }

  @Override
  public <Q, P> ServerCall.Listener<Q> interceptCall(
      ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
    String method = call.getMethodDescriptor().getFullMethodName();
    long begun = System.nanoTime();
    CallBook.Call entry = book.begin(method);
    AtomicBoolean ended = new AtomicBoolean();
    ServerCall<Q, P> counted =
        new ForwardingServerCall.SimpleForwardingServerCall<>(call) {
          @Override
          public void close(Status status, Metadata trailers) {
            if (ended.compareAndSet(false, true)) {
              count(entry, method, status, begun);
            }
            super.close(status, trailers);
          }
        };
    return new ForwardingServerCallListener.SimpleForwardingServerCallListener<>(
        next.startCall(counted, headers)) {
      @Override
      public void onCancel() {
        if (ended.compareAndSet(false, true)) {
          count(entry, method, Status.CANCELLED, begun);
        }
        super.onCancel();
      }
    };
  }

  private void count(CallBook.Call entry, String method, Status status, long begun) {
    metrics.ended(method, status.getCode().name(), System.nanoTime() - begun);
    String text = status.getDescription();
    book.end(entry, status.getCode(), text == null ? "" : text);
  }
}
