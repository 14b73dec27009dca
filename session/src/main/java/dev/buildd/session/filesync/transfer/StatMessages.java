package dev.buildd.session.filesync.transfer;

import com.google.protobuf.ByteString;
import dev.buildd.base.linux.FileNames;
import dev.buildd.proto.fsutil.Stat;
import dev.buildd.session.filesync.source.FileStat;
import java.util.SortedMap;
import java.util.TreeMap;

/** What is told of files, as it goes over the wire. */
public final class StatMessages {
  private StatMessages() {}

  public static Stat toProto(FileStat stat) {
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

  public static FileStat fromProto(Stat stat) {
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
