package dev.buildd.session.ssh;

import java.io.IOException;
import java.nio.ByteBuffer;

/** Reads SSH's data types (RFC 4251, section 5). */
final class WireReader {
  private final ByteBuffer from;

  WireReader(byte[] from) {
    this.from = ByteBuffer.wrap(from);
  }

  int number() throws IOException {
    if (from.remaining() < Integer.BYTES) {
      throw new IOException("message ends early");
    }
    return from.getInt();
  }

  byte[] string() throws IOException {
    int length = number();
    if (length < 0 || length > from.remaining()) {
      throw new IOException("message ends early");
    }
    byte[] out = new byte[length];
    from.get(out);
    return out;
  }
}
