package dev.buildd.base.io;

import java.io.IOException;
import java.io.InputStream;

/**
 * A stream that gives its bytes in blocks, and in no other way: whoever asks for one byte, or skips
 * some, reads a block. So a subclass sees all that goes through it.
 */
public abstract class BlockInput extends InputStream {
  @Override
  public final int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public abstract int read(byte[] to, int at, int length) throws IOException;
}
