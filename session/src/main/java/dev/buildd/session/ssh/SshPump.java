package dev.buildd.session.ssh;

import com.google.protobuf.ByteString;
import dev.buildd.base.concurrent.Scope;
import dev.buildd.proto.sshforward.BytesMessage;
import dev.buildd.session.rpc.MessageStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;

/** Carries bytes between a socket and a call, both ways, until both have ended. */
final class SshPump {
  private static final int BUFFER = 32 << 10;

  private SshPump() {}

  static void run(MessageStream<BytesMessage, BytesMessage> call, SocketChannel socket)
      throws Exception {
    try (Scope scope = Scope.open("ssh pump")) {
      scope.fork("ssh from socket", () -> fromSocket(socket, call));
      scope.fork("ssh to socket", () -> toSocket(call, socket));
      scope.join();
    }
  }

  private static void fromSocket(
      SocketChannel socket, MessageStream<BytesMessage, BytesMessage> call)
      throws IOException, InterruptedException {
    ByteBuffer buffer = ByteBuffer.allocate(BUFFER);
    while (socket.read(buffer) >= 0) {
      call.write(BytesMessage.newBuilder().setData(ByteString.copyFrom(buffer.flip())).build());
      buffer.clear();
    }
    call.halfClose();
  }

  private static void toSocket(MessageStream<BytesMessage, BytesMessage> call, SocketChannel socket)
      throws IOException, InterruptedException {
    for (BytesMessage message = call.read(); message != null; message = call.read()) {
      ByteBuffer data = message.getData().asReadOnlyByteBuffer();
      while (data.hasRemaining()) {
        socket.write(data);
      }
    }
    socket.shutdownOutput();
    socket.shutdownInput(); // the other direction ends with this one
  }
}
