package dev.buildd.solver.exporter;

import dev.buildd.base.linux.GoFileMode;
import dev.buildd.base.linux.Stat;
import dev.buildd.session.filesync.FileStat;
import dev.buildd.session.filesync.FsSource;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Writes an archive in ustar form with PAX records for what that cannot hold (POSIX.1-2001, pax),
 * as Go's archive/tar does: times in whole seconds.
 *
 * <p>Used by one thread.
 */
final class TarWriter implements AutoCloseable {
  private static final int BLOCK = 512;
  private static final long MAX_OCTAL_7 = 07777777L;
  private static final long MAX_OCTAL_11 = 077777777777L;

  private final OutputStream out;
  private final byte[] buffer = new byte[64 << 10];

  TarWriter(OutputStream out) {
    this.out = out;
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  void add(FileStat stat, FsSource files) throws IOException {
    int mode = GoFileMode.toUnix(stat.mode());
    String name = stat.isDirectory() ? stat.path() + "/" : stat.path();
    char type = type(stat, mode);
    long size = type == '0' ? stat.size() : 0;
    String link = type == '1' || type == '2' ? stat.linkName() : "";
    long seconds = Math.floorDiv(stat.modTime(), 1_000_000_000L);
    SortedMap<String, byte[]> pax = new TreeMap<>();
    byte[] prefix = new byte[0];
    byte[] shortName = utf8(name);
    if (!isAscii(name) || shortName.length > 100) {
      int slash = isAscii(name) ? splitAt(shortName) : -1;
      if (slash > 0) {
        prefix = Arrays.copyOf(shortName, slash);
        shortName = Arrays.copyOfRange(shortName, slash + 1, shortName.length);
      } else {
        pax.put("path", utf8(name));
      }
    }
    if (!isAscii(link) || utf8(link).length > 100) {
      pax.put("linkpath", utf8(link));
    }
    number(pax, "uid", Integer.toUnsignedLong(stat.uid()), MAX_OCTAL_7);
    number(pax, "gid", Integer.toUnsignedLong(stat.gid()), MAX_OCTAL_7);
    number(pax, "size", size, MAX_OCTAL_11);
    if (seconds < 0 || seconds > MAX_OCTAL_11) {
      pax.put("mtime", utf8(Long.toString(seconds)));
    }
    for (Map.Entry<String, byte[]> attribute : stat.xattrs().entrySet()) {
      pax.put("SCHILY.xattr." + attribute.getKey(), attribute.getValue());
    }
    if (!pax.isEmpty()) {
      paxHeader(stat.path(), pax);
    }
    byte[] header = new byte[BLOCK];
    text(header, 0, 100, shortName);
    octal(header, 100, 8, mode & 07777);
    octal(header, 108, 8, fitting(Integer.toUnsignedLong(stat.uid()), MAX_OCTAL_7));
    octal(header, 116, 8, fitting(Integer.toUnsignedLong(stat.gid()), MAX_OCTAL_7));
    octal(header, 124, 12, fitting(size, MAX_OCTAL_11));
    octal(header, 136, 12, fitting(seconds, MAX_OCTAL_11));
    header[156] = (byte) type;
    text(header, 157, 100, utf8(link));
    octal(header, 329, 8, stat.devMajor());
    octal(header, 337, 8, stat.devMinor());
    text(header, 345, 155, prefix);
    finish(header);
    if (type == '0' && size > 0) {
      content(stat, files, size);
    }
  }

  private static char type(FileStat stat, int mode) {
    if (stat.isHardlink()) {
      return '1';
    }
    return switch (mode & Stat.S_IFMT) {
      case Stat.S_IFLNK -> '2';
      case Stat.S_IFCHR -> '3';
      case Stat.S_IFBLK -> '4';
      case Stat.S_IFDIR -> '5';
      case Stat.S_IFIFO -> '6';
      default -> '0';
    };
  }

  private static boolean isAscii(String text) {
    return text.chars().allMatch(c -> c < 0x80);
  }

  private static int splitAt(byte[] name) {
    int end = name[name.length - 1] == '/' ? name.length - 1 : name.length;
    for (int i = Math.min(155, end - 1); i > 0; i--) {
      if (name[i] == '/') {
        return name.length - i - 1 <= 100 ? i : -1;
      }
    }
    return -1;
  }

  private static void number(SortedMap<String, byte[]> pax, String key, long value, long max) {
    if (value > max) {
      pax.put(key, utf8(Long.toString(value)));
    }
  }

  private static long fitting(long value, long max) {
    return value < 0 || value > max ? 0 : value;
  }

  private static void text(byte[] header, int at, int width, byte[] value) {
    System.arraycopy(value, 0, header, at, Math.min(width, value.length));
  }

  private static void octal(byte[] header, int at, int width, long value) {
    String digits = Long.toOctalString(value);
    text(header, at, width, utf8("0".repeat(Math.max(0, width - 1 - digits.length())) + digits));
  }

  private void finish(byte[] header) throws IOException {
    text(header, 257, 8, utf8("ustar\00000"));
    Arrays.fill(header, 148, 156, (byte) ' ');
    int sum = 0;
    for (byte b : header) {
      sum += b & 0xff;
    }
    text(header, 148, 8, utf8(String.format(Locale.ROOT, "%06o\0 ", sum)));
    out.write(header);
  }

  private void paxHeader(String path, SortedMap<String, byte[]> records) throws IOException {
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    for (Map.Entry<String, byte[]> record : records.entrySet()) {
      byte[] key = utf8(" " + record.getKey() + "=");
      int length = key.length + record.getValue().length + 1;
      int total = length + Integer.toString(length).length();
      if (Integer.toString(total).length() != total - length) {
        total = length + Integer.toString(total).length(); // its own digits count too
      }
      body.write(utf8(Integer.toString(total)));
      body.write(key);
      body.write(record.getValue());
      body.write('\n');
    }
    int slash = path.lastIndexOf('/');
    String name = path.substring(0, slash + 1) + "PaxHeaders.0/" + path.substring(slash + 1);
    byte[] header = new byte[BLOCK];
    text(header, 0, 100, utf8(name.codePoints().allMatch(c -> c < 0x80) ? name : "PaxHeaders.0"));
    octal(header, 100, 8, 0);
    octal(header, 108, 8, 0);
    octal(header, 116, 8, 0);
    octal(header, 124, 12, body.size());
    octal(header, 136, 12, 0);
    header[156] = 'x';
    finish(header);
    out.write(body.toByteArray());
    pad(body.size());
  }

  private void content(FileStat stat, FsSource files, long size) throws IOException {
    long left = size;
    try (InputStream in = files.open(stat.path())) {
      while (left > 0) {
        int n = in.read(buffer, 0, (int) Math.min(buffer.length, left));
        if (n < 0) {
          throw new IOException(stat.path() + " is shorter than it was");
        }
        out.write(buffer, 0, n);
        left -= n;
      }
    }
    pad(size);
  }

  private void pad(long size) throws IOException {
    int rest = (int) (size % BLOCK);
    if (rest != 0) {
      out.write(new byte[BLOCK - rest]);
    }
  }

  /** Ends the archive. */
  @Override
  public void close() throws IOException {
    out.write(new byte[2 * BLOCK]);
    out.flush();
  }
}
