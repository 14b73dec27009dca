package dev.buildd.cache.contenthash;

import dev.buildd.base.content.Digest;
import dev.buildd.base.linux.FileNames;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.Stat;
import dev.buildd.base.linux.TreeFiles;
import dev.buildd.cache.key.CacheDigest;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The digest of one file: its metadata without times, in the manner of Docker's old tarsum, then
 * its data.
 */
public final class FileHash {
  private static final int BUFFER = 64 << 10;

  private FileHash() {}

  /**
   * What goes into a file's digest besides its data.
   *
   * @param mode type and permissions as in {@code st_mode}
   * @param size bytes of a regular file; ignored for others
   * @param link the target of a symbolic link; ignored for others
   */
  public record Header(
      int mode,
      int uid,
      int gid,
      long size,
      String link,
      long deviceMajor,
      long deviceMinor,
      Map<String, byte[]> xattrs) {}

  /** A hash fed with the header; the data of a regular file follows. */
  public static MessageDigest begin(Header header) {
    int type = header.mode & Stat.S_IFMT;
    boolean regular = type == Stat.S_IFREG || type == Stat.S_IFSOCK; // a socket is taken for a file
    StringBuilder out = new StringBuilder(160);
    out.append("namemode").append(header.mode & 07777);
    out.append("uid").append(Integer.toUnsignedString(header.uid));
    out.append("gid").append(Integer.toUnsignedString(header.gid));
    out.append("size").append(regular ? header.size : 0);
    out.append("typeflag").append(typeFlag(type));
    out.append("linkname").append(type == Stat.S_IFLNK ? header.link : "");
    out.append("unamegnamedevmajor").append(header.deviceMajor);
    out.append("devminor").append(header.deviceMinor);
    byte[] fixed = FileNames.bytes(out.toString());
    if (header.xattrs.isEmpty()) {
      return CacheDigest.ofFile(fixed); // nearly all files: nothing is gathered for them
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    bytes.writeBytes(fixed);
    SortedMap<String, byte[]> xattrs = new TreeMap<>(ByteOrder.INSTANCE);
    xattrs.putAll(header.xattrs);
    xattrs.forEach((name, value) -> {
      if (isHashed(name)) {
        bytes.writeBytes(FileNames.bytes(name));
        bytes.writeBytes(value);
      }
    });
    return CacheDigest.ofFile(bytes.toByteArray());
  }

  private static char typeFlag(int type) {
    return switch (type) {
      case Stat.S_IFLNK -> '2';
      case Stat.S_IFCHR -> '3';
      case Stat.S_IFBLK -> '4';
      case Stat.S_IFDIR -> '5';
      case Stat.S_IFIFO -> '6';
      default -> '0';
    };
  }

  private static boolean isHashed(String xattr) {
    return xattr.equals("security.capability")
        || !(xattr.startsWith("security.") || xattr.startsWith("system."));
  }

  /** The digest of a file on disk, not followed if it is a link. Burns processor time. */
  static Digest of(Path path, Stat stat) throws IOException, InterruptedException {
    boolean device = stat.isDevice();
    MessageDigest hash =
        begin(
            new Header(
                stat.isSymlink() ? stat.mode() | 0777 : stat.mode(),
                stat.uid(),
                stat.gid(),
                stat.size(),
                stat.isSymlink() ? Linux.readlink(path) : "",
                device ? stat.devMajor() : 0,
                device ? stat.devMinor() : 0,
                Linux.xattrs(path)));
    if (stat.isRegular() && stat.size() > 0) {
      byte[] buffer = new byte[(int) Math.min(BUFFER, stat.size())];
      try (InputStream in = TreeFiles.read(path)) {
        for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
          hash.update(buffer, 0, n);
          if (Thread.interrupted()) {
            throw new InterruptedException("hashing " + path);
          }
        }
      }
    }
    return Digest.ofHash(hash.digest());
  }
}
