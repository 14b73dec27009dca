package dev.buildd.session.ssh;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;

/** Writes SSH's data types (RFC 4251, section 5). */
final class WireWriter {
  private final ByteArrayOutputStream to = new ByteArrayOutputStream();

  WireWriter octet(int value) {
    to.write(value);
    return this;
  }

  WireWriter number(int value) {
    to.writeBytes(ByteBuffer.allocate(Integer.BYTES).putInt(value).array());
    return this;
  }

  WireWriter string(byte[] value) {
    number(value.length);
    to.writeBytes(value);
    return this;
  }

  byte[] bytes() {
    return to.toByteArray();
  }
}
