package dev.buildd.session.filesync;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import dev.buildd.base.linux.FileNames;
import dev.buildd.proto.fsutil.Packet;
import dev.buildd.proto.fsutil.Stat;
import java.nio.charset.StandardCharsets;
import java.util.SortedMap;
import java.util.TreeMap;

/** The packets of fsutil's protocol. */
final class Packets {
  static final Packet END_OF_WALK = Packet.getDefaultInstance();
  static final Packet FIN = Packet.newBuilder().setType(Packet.PacketType.PACKET_FIN).build();

  private Packets() {}

  static Packet stat(FileStat stat) {
    return Packet.newBuilder().setStat(toProto(stat)).build();
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

  static Stat toProto(FileStat stat) {
    Stat.Builder out =
        Stat.newBuilder()
            .setPath(ByteString.copyFrom(FileNames.bytes(stat.path())))
            .setMode(stat.mode())
            .setUid(stat.uid())
            .setGid(stat.gid())
            .setSize(stat.size())
            .setModTime(stat.modTime())
            .setLinkname(ByteString.copyFrom(FileNames.bytes(stat.linkName())))
            .setDevmajor(stat.devMajor())
            .setDevminor(stat.devMinor());
    stat.xattrs().forEach((name, value) -> out.putXattrs(name, ByteString.copyFrom(value)));
    return out.build();
  }

  static FileStat fromProto(Stat stat) {
    SortedMap<String, byte[]> xattrs = new TreeMap<>();
    stat.getXattrsMap().forEach((name, value) -> xattrs.put(name, value.toByteArray()));
    return new FileStat(
        FileNames.text(stat.getPath().toByteArray()),
        stat.getMode(),
        stat.getUid(),
        stat.getGid(),
        stat.getSize(),
        stat.getModTime(),
        FileNames.text(stat.getLinkname().toByteArray()),
        stat.getDevmajor(),
        stat.getDevminor(),
        xattrs);
  }
}
