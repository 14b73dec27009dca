package dev.buildd.base.http;

import java.io.FilterInputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.concurrent.atomic.LongAdder;

/**
 * Counts the bytes that this process' HTTP clients move, as they are before encryption: layers,
 * files, and what is said about them.
 */
public final class HttpTraffic {
  private static final LongAdder RECEIVED = new LongAdder();
  private static final LongAdder SENT = new LongAdder();

  private HttpTraffic() {}

  /** Bytes received since the process began. */
  public static long received() {
    return RECEIVED.sum();
  }

  /** Bytes sent since the process began. */
  public static long sent() {
    return SENT.sum();
  }

  static InputStream counted(InputStream in) {
    return new FilterInputStream(in) {
      @Override
      public int read() throws IOException {
        int next = super.read();
        if (next >= 0) {
          RECEIVED.increment();
        }
        return next;
      }

      @Override
      public int read(byte[] into, int offset, int length) throws IOException {
        int got = super.read(into, offset, length);
        if (got > 0) {
          RECEIVED.add(got);
        }
        return got;
      }
    };
  }

  static OutputStream counted(OutputStream out) {
    return new FilterOutputStream(out) {
      @Override
      public void write(int next) throws IOException {
        out.write(next);
        SENT.increment();
      }

      @Override
      public void write(byte[] from, int offset, int length) throws IOException {
        out.write(from, offset, length); // the superclass writes byte by byte
        SENT.add(length);
      }
    };
  }
}
