package dev.buildd.frontend.dockerfile.context;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;

class ArchivesTest {
  private static byte[] entry(char type, long time, String content) {
    byte[] header = entry(type, time, content.length());
    byte[] out = Arrays.copyOf(header, 512 + (content.length() + 511) / 512 * 512);
    put(out, 512, content);
    return out;
  }

  private static byte[] entry(char type, long time, long size) {
    byte[] header = new byte[512];
    put(header, 0, "name");
    put(header, 124, String.format("%011o", size));
    put(header, 136, String.format("%011o", time));
    header[156] = (byte) type;
    Arrays.fill(header, 148, 156, (byte) ' ');
    int sum = 0;
    for (byte each : header) {
      sum += each & 0xFF;
    }
    put(header, 148, String.format("%06o", sum));
    header[154] = 0;
    return header;
  }

  private static void put(byte[] to, int at, String text) {
    System.arraycopy(text.getBytes(US_ASCII), 0, to, at, text.length());
  }

  private static byte[] tar(byte[]... entries) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] each : entries) {
      out.writeBytes(each);
    }
    out.writeBytes(new byte[1024]);
    return out.toByteArray();
  }

  private static Optional<Instant> newest(byte[] content) throws IOException {
    return Archives.newest(new ByteArrayInputStream(content));
  }

  @Test
  void newestIsThatOfFilesOnly() throws IOException {
    byte[] tar = tar(entry('0', 100, "a"), entry('0', 300, ""), entry('5', 900, ""));
    assertThat(Archives.isArchive(tar)).isTrue();
    assertThat(newest(tar)).contains(Instant.ofEpochSecond(300));
  }

  @Test
  void compressedArchivesAreLookedInto() throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(tar(entry('0', 7, "x")));
    }
    assertThat(Archives.isArchive(out.toByteArray())).isTrue();
    assertThat(newest(out.toByteArray())).contains(Instant.ofEpochSecond(7));
  }

  @Test
  void anExtendedHeaderHasTheTimeOfTheNextFile() throws IOException {
    byte[] tar = tar(entry('x', 1, "20 mtime=5.25\n"), entry('0', 1, ""), entry('0', 2, ""));
    assertThat(newest(tar)).contains(Instant.ofEpochSecond(5, 250_000_000));
  }

  @Test
  void otherFilesHaveNoTime() throws IOException {
    assertThat(newest("FROM scratch\n".repeat(100).getBytes(US_ASCII))).isEmpty();
    assertThat(Archives.isArchive("FROM scratch\n".repeat(100).getBytes(US_ASCII))).isFalse();
    assertThat(Archives.isArchive(new byte[1024])).isFalse();
    byte[] cut = Arrays.copyOf(tar(entry('0', 1, "abc")), 513);
    assertThat(newest(cut)).isEmpty();
  }

  /** More than any array: a file of 2 GiB of zeros, a thousandth of it compressed. */
  @Test
  void whatItDecompressesToIsNotHeld() throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    byte[] header = entry('0', 7, 1L << 31);
    byte[] zeros = new byte[64 << 20];
    byte[] start;
    byte[] more;
    try (GZIPOutputStream gzip = new GZIPOutputStream(out, true)) {
      gzip.write(header);
      gzip.write(zeros);
      gzip.flush();
      start = out.toByteArray();
      out.reset();
      gzip.write(zeros);
      gzip.flush();
      more = out.toByteArray(); // says only that what was before goes on
    }
    List<InputStream> parts = new ArrayList<>(List.of(new ByteArrayInputStream(start)));
    for (int i = 0; i < 32; i++) {
      parts.add(new ByteArrayInputStream(more));
    }
    assertThat(Archives.newest(new SequenceInputStream(Collections.enumeration(parts))))
        .contains(Instant.ofEpochSecond(7));
  }
}
