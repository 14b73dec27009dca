package dev.buildd.frontend.dockerfile.context;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.PushbackInputStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.zip.GZIPInputStream;

/** Archives as far as the frontend looks into them. */
final class Archives {
  private static final int BLOCK = 512;
  private static final int CHECKSUM = 148;
  private static final int CHECKSUM_END = 156;
  private static final int TYPE = 156;

  /** Of the records before a file; more is nothing that anybody made to be read. */
  private static final int MAX_EXTENDED = 1 << 20;

  private static final List<byte[]> COMPRESSED =
      List.of(
          new byte[] {'B', 'Z', 'h'},
          new byte[] {0x1F, (byte) 0x8B, 8},
          new byte[] {(byte) 0xFD, '7', 'z', 'X', 'Z', 0});

  private Archives() {}

  /** Whether a file that begins like this is a compressed file or a tar archive. */
  static boolean isArchive(byte[] start) {
    return COMPRESSED.stream().anyMatch(magic -> startsWith(start, magic)) || isHeader(start, 0);
  }

  private static boolean startsWith(byte[] content, byte[] start) {
    return content.length >= start.length
        && Arrays.equals(content, 0, start.length, start, 0, start.length);
  }

  /**
   * The newest time of a file in a tar archive, compressed or not; empty if it is no archive. What
   * it decompresses to is never held as a whole: a small file may come to more than any memory.
   */
  static Optional<Instant> newest(InputStream content) throws InterruptedIOException {
    try {
      PushbackInputStream start = new PushbackInputStream(content, BLOCK);
      byte[] magic = start.readNBytes(BLOCK);
      start.unread(magic);
      return newestOf(startsWith(magic, COMPRESSED.get(1)) ? new GZIPInputStream(start) : start);
    } catch (InterruptedIOException e) {
      throw e;
    } catch (IOException e) {
      return Optional.empty(); // no archive that can be read
    }
  }

  private static Optional<Instant> newestOf(InputStream tar) throws IOException {
    Optional<Instant> newest = Optional.empty();
    Optional<Instant> announced = Optional.empty();
    while (true) {
      byte[] header = tar.readNBytes(BLOCK);
      if (header.length < BLOCK || isZero(header, 0)) {
        return newest;
      }
      if (!isHeader(header, 0)) {
        throw new IOException("no tar header");
      }
      long size = octal(header, 124, 12);
      char type = (char) header[TYPE];
      if (type == 'x') {
        if (size > MAX_EXTENDED) {
          throw new IOException("an extended header of " + size + " bytes");
        }
        byte[] records = tar.readNBytes((int) size);
        skip(tar, records.length, size);
        announced = time(new String(records, StandardCharsets.UTF_8));
        continue;
      }
      skip(tar, 0, size);
      if (type == 'g' || type == 'L' || type == 'K') {
        continue;
      }
      Instant time = announced.orElse(Instant.ofEpochSecond(octal(header, 136, 12)));
      announced = Optional.empty();
      if ("23456".indexOf(type) < 0 && newest.map(time::isAfter).orElse(true)) {
        newest = Optional.of(time);
      }
    }
  }

  /** To the next header, of data of which something has been read. */
  private static void skip(InputStream tar, long done, long size) throws IOException {
    if (done < size) {
      tar.skipNBytes(size - done);
    }
    tar.readNBytes((int) (-size & (BLOCK - 1)));
  }

  /** The time in an extended header. */
  private static Optional<Instant> time(String records) {
    for (String record : records.split("\n")) {
      int name = record.indexOf(" mtime=");
      if (name >= 0) {
        String[] parts = record.substring(name + 7).split("\\.");
        String nanos = parts.length > 1 ? (parts[1] + "000000000").substring(0, 9) : "0";
        try {
          return Optional.of(
              Instant.ofEpochSecond(Long.parseLong(parts[0]), Long.parseLong(nanos)));
        } catch (NumberFormatException e) {
          return Optional.empty();
        }
      }
    }
    return Optional.empty();
  }

  private static boolean isZero(byte[] content, int at) {
    for (int i = at; i < at + BLOCK; i++) {
      if (content[i] != 0) {
        return false;
      }
    }
    return true;
  }

  private static boolean isHeader(byte[] content, int at) {
    if (content.length < at + BLOCK || isZero(content, at)) {
      return false;
    }
    long sum = 0;
    for (int i = 0; i < BLOCK; i++) {
      sum += i >= CHECKSUM && i < CHECKSUM_END ? ' ' : content[at + i] & 0xFF;
    }
    return sum == octal(content, at + CHECKSUM, 8);
  }

  private static long octal(byte[] content, int at, int length) {
    long value = 0;
    for (int i = at; i < at + length; i++) {
      if (content[i] >= '0' && content[i] <= '7') {
        value = value * 8 + content[i] - '0';
      } else if (content[i] != ' ' || value != 0) {
        break;
      }
    }
    return value;
  }
}
