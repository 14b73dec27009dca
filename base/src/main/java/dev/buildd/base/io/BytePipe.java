package dev.buildd.base.io;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Bytes on their way from one thread to another, of which it holds a limited number. Unlike the
 * JDK's, it does not care which threads those are, and an interrupt ends a wait.
 */
public final class BytePipe {
  private final int limit;
  private final Deque<byte[]> chunks = new ArrayDeque<>(); // guarded by this
  private int at; // in the first chunk; guarded by this
  private int held; // guarded by this
  private boolean ended; // nothing more is written; guarded by this
  private boolean abandoned; // nothing more is read; guarded by this

  /**
   * @param limit how many bytes are held before a writer has to wait
   */
  public BytePipe(int limit) {
    this.limit = limit;
  }

  /** Where it is read; closed, all that is written later is dropped. */
  public InputStream input() {
    return new InputStream() {
      @Override
      public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
      }

      @Override
      public int read(byte[] into, int offset, int length) throws IOException {
        return length == 0 ? 0 : take(into, offset, length);
      }

      @Override
      public int available() {
        synchronized (BytePipe.this) {
          return held;
        }
      }

      @Override
      public void close() {
        synchronized (BytePipe.this) {
          abandoned = true;
          chunks.clear();
          held = 0;
          BytePipe.this.notifyAll();
        }
      }
    };
  }

  /** Where it is written; closed, it is read to its end. */
  public OutputStream output() {
    return new OutputStream() {
      @Override
      public void write(int b) throws IOException {
        write(new byte[] {(byte) b}, 0, 1);
      }

      @Override
      public void write(byte[] from, int offset, int length) throws IOException {
        byte[] chunk = new byte[length];
        System.arraycopy(from, offset, chunk, 0, length);
        put(chunk);
      }

      @Override
      public void close() {
        end();
      }
    };
  }

  private synchronized int take(byte[] into, int offset, int length) throws IOException {
    while (chunks.isEmpty() && !ended && !abandoned) {
      await();
    }
    byte[] first = chunks.peek();
    if (first == null) {
      return -1;
    }
    int taken = Math.min(length, first.length - at);
    System.arraycopy(first, at, into, offset, taken);
    at += taken;
    held -= taken;
    if (at == first.length) {
      chunks.remove();
      at = 0;
    }
    notifyAll();
    return taken;
  }

  private synchronized void put(byte[] chunk) throws IOException {
    while (held >= limit && !ended && !abandoned) {
      await();
    }
    if (ended) {
      throw new IOException("the pipe has ended");
    }
    if (chunk.length > 0 && !abandoned) {
      chunks.add(chunk);
      held += chunk.length;
      notifyAll();
    }
  }

  /** Nothing more is written. */
  public synchronized void end() {
    ended = true;
    notifyAll();
  }

  public synchronized boolean hasEnded() {
    return ended;
  }

  private void await() throws InterruptedIOException {
    try {
      wait();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    }
  }
}
