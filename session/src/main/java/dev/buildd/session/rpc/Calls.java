package dev.buildd.session.rpc;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;

/** Calls of one message, which an interrupt cancels. */
public final class Calls {
  private Calls() {}

  /** One message each way, without metadata. */
  public static <Q, P> P unary(Channel channel, MethodDescriptor<Q, P> method, Q request)
      throws InterruptedException {
    return unary(channel, method, new Metadata(), request, CallOptions.DEFAULT);
  }

  public static <Q, P> P unary(
      Channel channel,
      MethodDescriptor<Q, P> method,
      Metadata headers,
      Q request,
      CallOptions options)
      throws InterruptedException {
    try (MessageStream<Q, P> call = MessageStream.call(channel, method, headers, options)) {
      return finish(call, request);
    }
  }

  /** Sends the one message of a call that has been started, and waits for the answer. */
  public static <Q, P> P finish(MessageStream<Q, P> call, Q request) throws InterruptedException {
    call.write(request);
    call.halfClose();
    P response = call.read();
    if (response == null) {
      throw Status.CANCELLED.withDescription("no answer").asRuntimeException();
    }
    call.read(); // the status that follows
    return response;
  }
}
