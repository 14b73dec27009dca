package dev.buildd.snapshot.layer;

import dev.buildd.base.linux.FileNames;
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
 * byte for byte as Go's archive/tar does: times in whole seconds, no user names.
 *
 * <p>Used by one thread.
 */
public final class TarWriter implements AutoCloseable {
  private static final int BLOCK = 512;
  private static final int NAME = 100;
  private static final int PREFIX = 155;
  private static final long MAX_OCTAL_7 = 07777777L;
  private static final long MAX_OCTAL_11 = 077777777777L;

  /** A file's bytes. */
  @FunctionalInterface
  public interface Content {
    InputStream open() throws IOException;
  }

  private final OutputStream out;
  private final byte[] buffer = new byte[64 << 10];

  public TarWriter(OutputStream out) {
    this.out = out;
  }

  /**
   * Adds a file; the content is opened only if there should be some. Whoever adds a sparse file
   * gives it whole.
   *
   * @throws IOException if the content is shorter than the entry says
   */
  public void add(TarEntry entry, Content content) throws IOException {
    boolean directory = entry.type() == TarEntry.Type.DIRECTORY;
    byte[] name = FileNames.bytes(directory ? entry.name() + "/" : entry.name());
    byte[] link =
        entry.type() == TarEntry.Type.SYMLINK || entry.type() == TarEntry.Type.HARD_LINK
            ? FileNames.bytes(entry.linkName())
            : new byte[0];
    long size = entry.type() == TarEntry.Type.FILE ? entry.size() : 0;
    long seconds = Math.floorDiv(entry.mtimeNanos(), 1_000_000_000L);
    SortedMap<String, byte[]> pax = new TreeMap<>();
    int split = 0;
    boolean plain = true;
    if (!isAscii(name) || name.length > NAME) {
      pax.put("path", name);
      split = isAscii(name) ? splitAt(name) : -1;
      plain &= split > 0;
    }
    if (!isAscii(link) || link.length > NAME) {
      pax.put("linkpath", link);
      plain = false;
    }
    long uid = Integer.toUnsignedLong(entry.uid());
    long gid = Integer.toUnsignedLong(entry.gid());
    plain &= number(pax, "uid", uid, MAX_OCTAL_7);
    plain &= number(pax, "gid", gid, MAX_OCTAL_7);
    plain &= number(pax, "size", size, MAX_OCTAL_11);
    plain &= number(pax, "mtime", seconds, MAX_OCTAL_11);
    for (Map.Entry<String, byte[]> attribute : entry.xattrs().entrySet()) {
      pax.put("SCHILY.xattr." + attribute.getKey(), attribute.getValue());
      plain = false;
    }
    if (!plain && !pax.isEmpty()) {
      paxHeader(name, pax);
    }
    byte[] header = new byte[BLOCK];
    if (plain && split > 0) {
      text(header, 0, NAME, Arrays.copyOfRange(name, split + 1, name.length));
      text(header, 345, PREFIX, Arrays.copyOf(name, split));
    } else {
      text(header, 0, NAME, ascii(name));
      endWithoutSlash(header, ascii(name));
    }
    octal(header, 100, 8, entry.mode() & 07777);
    octal(header, 108, 8, fitting(uid, MAX_OCTAL_7));
    octal(header, 116, 8, fitting(gid, MAX_OCTAL_7));
    octal(header, 124, 12, fitting(size, MAX_OCTAL_11));
    octal(header, 136, 12, fitting(seconds, MAX_OCTAL_11));
    header[156] = (byte) type(entry.type());
    text(header, 157, NAME, ascii(link));
    octal(header, 329, 8, entry.devMajor());
    octal(header, 337, 8, entry.devMinor());
    finish(header);
    if (size > 0) {
      write(entry.name(), content, size);
    }
  }

  private static char type(TarEntry.Type type) {
    return switch (type) {
      case FILE -> '0';
      case HARD_LINK -> '1';
      case SYMLINK -> '2';
      case CHARACTER_DEVICE -> '3';
      case BLOCK_DEVICE -> '4';
      case DIRECTORY -> '5';
      case FIFO -> '6';
    };
  }

  private static boolean isAscii(byte[] text) {
    for (byte b : text) {
      if (b < 0) {
        return false;
      }
    }
    return true;
  }

  /** What is left of a text without all that is not ASCII. */
  private static byte[] ascii(byte[] text) {
    if (isAscii(text)) {
      return text;
    }
    ByteArrayOutputStream kept = new ByteArrayOutputStream();
    for (byte b : text) {
      if (b >= 0) {
        kept.write(b);
      }
    }
    return kept.toByteArray();
  }

  /** A name cut off at a slash would be taken for a directory's by old readers. */
  private static void endWithoutSlash(byte[] header, byte[] name) {
    if (name.length > NAME && header[NAME - 1] == '/') {
      int end = NAME;
      while (end > 0 && header[end - 1] == '/') {
        end--;
      }
      header[end] = 0;
    }
  }

  private static int splitAt(byte[] name) {
    int end = name[name.length - 1] == '/' ? name.length - 1 : name.length;
    for (int i = Math.min(PREFIX, end - 1); i > 0; i--) {
      if (name[i] == '/') {
        return name.length - i - 1 <= NAME ? i : -1;
      }
    }
    return -1;
  }

  private static boolean number(SortedMap<String, byte[]> pax, String key, long value, long max) {
    if (value < 0 || value > max) {
      pax.put(key, Long.toString(value).getBytes(StandardCharsets.US_ASCII));
      return false;
    }
    return true;
  }

  private static long fitting(long value, long max) {
    return value < 0 || value > max ? 0 : value;
  }

  private static void text(byte[] header, int at, int width, byte[] value) {
    System.arraycopy(value, 0, header, at, Math.min(width, value.length));
  }

  private static void octal(byte[] header, int at, int width, long value) {
    int last = at + width - 2; // a zero byte follows
    long rest = value;
    for (int i = last; i >= at; i--) {
      header[i] = (byte) ('0' + (rest & 7));
      rest >>>= 3;
    }
  }

  private void finish(byte[] header) throws IOException {
    text(header, 257, 8, "ustar\00000".getBytes(StandardCharsets.US_ASCII));
    Arrays.fill(header, 148, 156, (byte) ' ');
    int sum = 0;
    for (byte b : header) {
      sum += b & 0xff;
    }
    text(
        header,
        148,
        8,
        String.format(Locale.ROOT, "%06o\0 ", sum).getBytes(StandardCharsets.US_ASCII));
    out.write(header);
  }

  private void paxHeader(byte[] name, SortedMap<String, byte[]> records) throws IOException {
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    for (Map.Entry<String, byte[]> record : records.entrySet()) {
      byte[] key = (" " + record.getKey() + "=").getBytes(StandardCharsets.UTF_8);
      int length = key.length + record.getValue().length + 1;
      int total = length + Integer.toString(length).length();
      if (Integer.toString(total).length() != total - length) {
        total = length + Integer.toString(total).length(); // its own digits count too
      }
      body.write(Integer.toString(total).getBytes(StandardCharsets.US_ASCII));
      body.write(key);
      body.write(record.getValue());
      body.write('\n');
    }
    byte[] header = new byte[BLOCK];
    text(header, 0, NAME, paxName(name));
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

  /** {@code DIRECTORY/PaxHeaders.0/NAME}; of a directory, whose name ends with a slash, in it. */
  private static byte[] paxName(byte[] name) {
    String text = new String(ascii(name), StandardCharsets.US_ASCII);
    int slash = text.lastIndexOf('/');
    String whole =
        (text.substring(0, slash + 1) + "PaxHeaders.0/" + text.substring(slash + 1))
            .replaceAll("/+", "/");
    String cut = whole.length() > NAME ? whole.substring(0, NAME) : whole;
    return cut.replaceAll("/+$", "").getBytes(StandardCharsets.US_ASCII);
  }

  private void write(String name, Content content, long size) throws IOException {
    long left = size;
    try (InputStream in = content.open()) {
      while (left > 0) {
        int n = in.read(buffer, 0, (int) Math.min(buffer.length, left));
        if (n < 0) {
          throw new IOException(name + " is shorter than it was");
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
