package dev.buildd.snapshot.store;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Reads what an {@link Encoder} wrote; a malformed record is {@code INTERNAL}. */
public final class Decoder {
  private final byte[] data;
  private final int end;
  private int at;

  public Decoder(byte[] data) {
    this(data, 0, data.length);
  }

  public Decoder(byte[] data, int offset, int length) {
    this.data = data;
    this.at = offset;
    this.end = offset + length;
  }

  public boolean hasMore() {
    return at < end;
  }

  public int oneByte() {
    if (at >= end) {
      throw malformed();
    }
    return data[at++];
  }

  public boolean flag() {
    return oneByte() != 0;
  }

  public long number() {
    long value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      int b = oneByte();
      value |= (long) (b & 0x7F) << shift;
      if (b >= 0) {
        return (value >>> 1) ^ -(value & 1);
      }
    }
    throw malformed();
  }

  /** What {@link Encoder#fixed} wrote. */
  public long fixed() {
    long value = 0;
    for (byte b : raw(8)) {
      value = value << 8 | (b & 0xff);
    }
    return value;
  }

  private int length() {
    long length = number();
    if (length < 0 || length > end - at) {
      throw malformed();
    }
    return (int) length;
  }

  public byte[] bytes() {
    return raw(length());
  }

  public byte[] raw(int length) {
    if (length > end - at) {
      throw malformed();
    }
    byte[] out = new byte[length];
    System.arraycopy(data, at, out, 0, length);
    at += length;
    return out;
  }

  public String text() {
    int length = length();
    String out = new String(data, at, length, StandardCharsets.UTF_8);
    at += length;
    return out;
  }

  public List<String> texts() {
    int count = length();
    List<String> out = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      out.add(text());
    }
    return out;
  }

  private static BuildException malformed() {
    return new BuildException(Category.INTERNAL, "malformed record in the store");
  }
}
