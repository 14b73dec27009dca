package dev.buildd.frontend.dockerfile.context;

import java.io.ByteArrayInputStream;
import java.io.IOException;
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

  /** The newest time of a file in a tar archive, compressed or not; empty if it is no archive. */
  static Optional<Instant> newest(byte[] content) {
    try {
      return newestOf(
          startsWith(content, COMPRESSED.get(1))
              ? new GZIPInputStream(new ByteArrayInputStream(content)).readAllBytes()
              : content);
    } catch (IOException e) {
      return Optional.empty(); // no archive that can be read
    }
  }

  private static Optional<Instant> newestOf(byte[] tar) throws IOException {
    Optional<Instant> newest = Optional.empty();
    Optional<Instant> announced = Optional.empty();
    long at = 0;
    while (at + BLOCK <= tar.length && !isZero(tar, (int) at)) {
      int header = (int) at;
      if (!isHeader(tar, header)) {
        throw new IOException("no tar header");
      }
      long size = octal(tar, header + 124, 12);
      long data = at + BLOCK;
      if (size < 0 || data + size > tar.length) {
        throw new IOException("truncated tar archive");
      }
      at = data + (size + BLOCK - 1) / BLOCK * BLOCK;
      char type = (char) tar[header + TYPE];
      if (type == 'x') {
        announced = time(new String(tar, (int) data, (int) size, StandardCharsets.UTF_8));
        continue;
      }
      if (type == 'g' || type == 'L' || type == 'K') {
        continue;
      }
      Instant time = announced.orElse(Instant.ofEpochSecond(octal(tar, header + 136, 12)));
      announced = Optional.empty();
      if ("23456".indexOf(type) < 0 && newest.map(time::isAfter).orElse(true)) {
        newest = Optional.of(time);
      }
    }
    return newest;
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
