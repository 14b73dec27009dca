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

  public CallCounter(CallMetrics metrics) {
    this.metrics = metrics;
  }

  @Override
  public <Q, P> ServerCall.Listener<Q> interceptCall(
      ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
    String method = call.getMethodDescriptor().getFullMethodName();
    long begun = System.nanoTime();
    AtomicBoolean ended = new AtomicBoolean();
    ServerCall<Q, P> counted =
        new ForwardingServerCall.SimpleForwardingServerCall<>(call) {
          @Override
          public void close(Status status, Metadata trailers) {
            if (ended.compareAndSet(false, true)) {
              count(method, status.getCode(), begun);
            }
            super.close(status, trailers);
          }
        };
    return new ForwardingServerCallListener.SimpleForwardingServerCallListener<>(
        next.startCall(counted, headers)) {
      @Override
      public void onCancel() {
        if (ended.compareAndSet(false, true)) {
          count(method, Status.Code.CANCELLED, begun);
        }
        super.onCancel();
      }
    };
  }

  private void count(String method, Status.Code code, long begun) {
    metrics.ended(method, code.name(), System.nanoTime() - begun);
  }
}
