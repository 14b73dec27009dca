package dev.buildd.session.filesync.transfer;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import dev.buildd.proto.fsutil.Packet;
import dev.buildd.session.filesync.source.FileStat;
import java.nio.charset.StandardCharsets;

/** The packets of fsutil's protocol. */
final class Packets {
  static final Packet END_OF_WALK = Packet.getDefaultInstance();
  static final Packet FIN = Packet.newBuilder().setType(Packet.PacketType.PACKET_FIN).build();

  private Packets() {}

  static Packet stat(FileStat stat) {
    return Packet.newBuilder().setStat(StatMessages.toProto(stat)).build();
  }

  static Packet request(int id) {
    return Packet.newBuilder().setType(Packet.PacketType.PACKET_REQ).setID(id).build();
  }

  static Packet data(int id, byte[] buffer, int length) {
    return Packet.newBuilder()
        .setType(Packet.PacketType.PACKET_DATA)
        .setID(id)
        .setData(UnsafeByteOperations.unsafeWrap(buffer, 0, length))
        .build();
  }

  static Packet endOfData(int id) {
    return Packet.newBuilder().setType(Packet.PacketType.PACKET_DATA).setID(id).build();
  }

  static Packet error(String text) {
    return Packet.newBuilder()
        .setType(Packet.PacketType.PACKET_ERR)
        .setData(ByteString.copyFrom(text, StandardCharsets.UTF_8))
        .build();
  }
}
