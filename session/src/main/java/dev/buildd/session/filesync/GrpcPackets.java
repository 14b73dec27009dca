package dev.buildd.session.filesync;

import dev.buildd.proto.fsutil.Packet;
import dev.buildd.session.filesync.transfer.PacketStream;
import dev.buildd.session.rpc.MessageStream;
import org.jspecify.annotations.Nullable;

/** Packets as the messages of a gRPC call. */
record GrpcPackets(MessageStream<Packet, Packet> call) implements PacketStream {
  @Override
  public @Nullable Packet read() throws InterruptedException {
    return call.read();
  }

  @Override
  public void write(Packet packet) throws InterruptedException {
    call.write(packet);
  }

  @Override
  public boolean offer(Packet packet) {
    return call.offer(packet);
  }
}
