package dev.buildd.session.rpc;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import dev.buildd.proto.upload.BytesMessage;
import dev.buildd.proto.upload.UploadGrpc;
import dev.buildd.session.Attachable;
import dev.buildd.session.ClientSession;
import dev.buildd.session.Wired;
import io.grpc.CallOptions;
import io.grpc.Metadata;
import io.grpc.ServerServiceDefinition;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Streams of many messages over the tunnel of a session. */
@Timeout(60)
class MessageStreamTest {
  private static final CallOptions SMALL = CallOptions.DEFAULT.withMaxInboundMessageSize(4 << 20);
  private static final CallOptions ANY = CallOptions.DEFAULT;

  /** A client that sends messages, as fast as they are taken. */
  private record Counting(int messages, int size, AtomicInteger sent) implements Attachable {
    @Override
    public List<ServerServiceDefinition> services() {
      return List.of(
          ServerServiceDefinition.builder(UploadGrpc.SERVICE_NAME)
              .addMethod(UploadGrpc.getPullMethod(), Handlers.streaming(this::send))
              .build());
    }

    private void send(MessageStream<BytesMessage, BytesMessage> call, Metadata headers)
        throws InterruptedException {
      for (int i = 0; i < messages; i++) {
        byte[] data = new byte[size];
        data[0] = (byte) i;
        call.write(BytesMessage.newBuilder().setData(ByteString.copyFrom(data)).build());
        sent.set(i + 1);
      }
    }
  }

  @Test
  void allMessagesComeInOrder() throws Exception {
    for (CallOptions options : List.of(SMALL, ANY)) {
      try (Wired wired = new Wired()) {
        Counting counting = new Counting(5_003, 1, new AtomicInteger());
        try (ClientSession client = wired.client(counting);
            MessageStream<BytesMessage, BytesMessage> call = pull(wired, client, options)) {
          readAll(call, 5_003);
        }
      }
    }
  }

  @Test
  void whoDoesNotReadHoldsTheSenderUp() throws Exception {
    int messages = 400;
    int size = 64 << 10;
    for (CallOptions options : List.of(SMALL, ANY)) {
      try (Wired wired = new Wired()) {
        Counting counting = new Counting(messages, size, new AtomicInteger());
        try (ClientSession client = wired.client(counting);
            MessageStream<BytesMessage, BytesMessage> call = pull(wired, client, options)) {
          int before = -1;
          while (counting.sent.get() == 0 || counting.sent.get() != before) {
            before = counting.sent.get();
            Thread.sleep(300);
          }
          // what was asked for ahead, and what windows and buffers on the way take
          assertThat(counting.sent.get()).isLessThan(200);
          readAll(call, messages);
        }
      }
    }
  }

  private static MessageStream<BytesMessage, BytesMessage> pull(
      Wired wired, ClientSession client, CallOptions options) throws Exception {
    MessageStream<BytesMessage, BytesMessage> call =
        MessageStream.call(
            wired.session(client).channel(), UploadGrpc.getPullMethod(), new Metadata(), options);
    call.halfClose();
    return call;
  }

  private static void readAll(MessageStream<BytesMessage, BytesMessage> call, int messages)
      throws InterruptedException {
    for (int i = 0; i < messages; i++) {
      BytesMessage message = requireNonNull(call.read());
      assertThat(message.getData().byteAt(0)).isEqualTo((byte) i);
    }
    assertThat(call.read()).isNull();
  }
}
