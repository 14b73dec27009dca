package dev.buildd.snapshot.store;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collection;

/** Writes the compact form of a record: variable-length numbers, length-prefixed text. */
public final class Encoder {
  private byte[] buffer = new byte[128];
  private int length;

  private void reserve(int more) {
    if (length + more > buffer.length) {
      buffer = Arrays.copyOf(buffer, Math.max(buffer.length * 2, length + more));
    }
  }

  public Encoder oneByte(int value) {
    reserve(1);
    buffer[length++] = (byte) value;
    return this;
  }

  public Encoder flag(boolean value) {
    return oneByte(value ? 1 : 0);
  }

  /** A number in as few bytes as it needs; small negative numbers are short too. */
  public Encoder number(long value) {
    long rest = (value << 1) ^ (value >> 63);
    reserve(10);
    while ((rest & ~0x7FL) != 0) {
      buffer[length++] = (byte) ((rest & 0x7F) | 0x80);
      rest >>>= 7;
    }
    buffer[length++] = (byte) rest;
    return this;
  }

  /** A number in eight bytes that sort as the numbers do, if they are not negative. */
  public Encoder fixed(long value) {
    reserve(8);
    for (int shift = 56; shift >= 0; shift -= 8) {
      buffer[length++] = (byte) (value >>> shift);
    }
    return this;
  }

  public Encoder bytes(byte[] value) {
    number(value.length);
    return raw(value);
  }

  /** Bytes whose number the reader knows. */
  public Encoder raw(byte[] value) {
    reserve(value.length);
    System.arraycopy(value, 0, buffer, length, value.length);
    length += value.length;
    return this;
  }

  public Encoder text(String value) {
    return bytes(value.getBytes(StandardCharsets.UTF_8));
  }

  public Encoder texts(Collection<String> values) {
    number(values.size());
    values.forEach(this::text);
    return this;
  }

  public int size() {
    return length;
  }

  public byte[] toBytes() {
    return Arrays.copyOf(buffer, length);
  }
}
