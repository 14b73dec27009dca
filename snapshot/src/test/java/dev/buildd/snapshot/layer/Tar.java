package dev.buildd.snapshot.layer;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/** Writes tar archives by hand, also such as no program would. */
final class Tar {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  Tar add(char type, String name, String link, String content) {
    byte[] body = content.getBytes(StandardCharsets.UTF_8);
    byte[] header = new byte[512];
    put(header, 0, name);
    put(header, 100, type == '5' ? "0000755" : "0000644");
    put(header, 108, "0000000");
    put(header, 116, "0000000");
    put(header, 124, "%011o".formatted(body.length));
    put(header, 136, "%011o".formatted(1_000_000_000));
    put(header, 148, "        ");
    header[156] = (byte) type;
    put(header, 157, link);
    put(header, 257, "ustar\00000");
    int sum = 0;
    for (byte b : header) {
      sum += b & 0xff;
    }
    put(header, 148, "%06o\0 ".formatted(sum));
    out.writeBytes(header);
    out.writeBytes(body);
    out.writeBytes(new byte[-body.length & 511]);
    return this;
  }

  private static void put(byte[] header, int at, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
    System.arraycopy(bytes, 0, header, at, bytes.length);
  }

  Tar file(String name, String content) {
    return add('0', name, "", content);
  }

  Tar directory(String name) {
    return add('5', name, "", "");
  }

  Tar symlink(String name, String target) {
    return add('2', name, target, "");
  }

  Tar link(String name, String target) {
    return add('1', name, target, "");
  }

  /** Extended header for the next entry; records are written {@code key=value}. */
  Tar pax(String... records) {
    StringBuilder all = new StringBuilder();
    for (String record : records) {
      int length = record.length() + 3;
      while (String.valueOf(length).length() + record.length() + 2 != length) {
        length++;
      }
      all.append(length).append(' ').append(record).append('\n');
    }
    return add('x', "pax", "", all.toString());
  }

  byte[] bytes() {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    all.writeBytes(out.toByteArray());
    all.writeBytes(new byte[1024]);
    return all.toByteArray();
  }
}
