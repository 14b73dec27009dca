package dev.buildd.snapshot.layer;

import dev.buildd.base.concurrent.Threads;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import org.jspecify.annotations.Nullable;

/**
 * Writes one gzip member (RFC 1952), its blocks compressed side by side. The bytes depend on the
 * content and the level alone, not on the number of processors: every block is of one size and
 * takes the end of the block before as its dictionary.
 *
 * <p>Used by one thread, which must not be one of those that burn processor time.
 */
final class GzipOutput extends OutputStream {
  private static final int BLOCK = 256 << 10;
  private static final int WINDOW = 32 << 10;
  private static final byte[] HEADER = {0x1f, (byte) 0x8b, 8, 0, 0, 0, 0, 0, 0, (byte) 0xff};

  private final OutputStream out;
  private final int level;
  private final int ahead = Runtime.getRuntime().availableProcessors() + 1;
  private final CRC32 crc = new CRC32();
  private final Deque<Future<byte[]>> pending = new ArrayDeque<>();
  private byte[] block = new byte[BLOCK];
  private byte[] before = new byte[0];
  private int filled;
  private long total;
  private boolean closed;

  GzipOutput(OutputStream out, int level) throws IOException {
    this.out = out;
    this.level = level;
    out.write(HEADER);
  }

  @Override
  public void write(int b) throws IOException {
    write(new byte[] {(byte) b}, 0, 1);
  }

  @Override
  public void write(byte[] from, int at, int length) throws IOException {
    crc.update(from, at, length);
    total += length;
    int done = 0;
    while (done < length) {
      if (filled == BLOCK) {
        submit(false);
      }
      int n = Math.min(length - done, BLOCK - filled);
      System.arraycopy(from, at + done, block, filled, n);
      filled += n;
      done += n;
    }
  }

  private void submit(boolean last) throws IOException {
    byte[] content = block;
    byte[] dictionary = before;
    int size = filled;
    pending.add(
        Threads.cpu().executor().submit(() -> deflate(content, size, dictionary, level, last)));
    before = Arrays.copyOfRange(content, Math.max(0, size - WINDOW), size);
    block = new byte[BLOCK];
    filled = 0;
    while (pending.size() > (last ? 0 : ahead)) {
      out.write(taken(pending.remove()));
    }
  }

  private static byte[] taken(Future<byte[]> future) throws IOException {
    try {
      return future.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("compressing");
    } catch (ExecutionException e) {
      throw new IOException("compressing failed", e.getCause());
    }
  }

  private static byte[] deflate(
      byte[] content, int size, byte @Nullable [] dictionary, int level, boolean last) {
    try (Deflater deflater = new Deflater(level, true)) {
      if (dictionary != null && dictionary.length > 0) {
        deflater.setDictionary(dictionary);
      }
      deflater.setInput(content, 0, size);
      byte[] to = new byte[size + size / 8 + 64];
      int at = 0;
      if (last) {
        deflater.finish();
      }
      while (true) {
        int n =
            deflater.deflate(
                to, at, to.length - at, last ? Deflater.NO_FLUSH : Deflater.SYNC_FLUSH);
        at += n;
        if (last ? deflater.finished() : at < to.length) {
          return Arrays.copyOf(to, at);
        }
        to = Arrays.copyOf(to, to.length * 2);
      }
    }
  }

  /** Ends the member and closes the stream below. */
  @Override
  public void close() throws IOException {
    if (closed) {
      return;
    }
    closed = true;
    try (out) {
      submit(true);
      byte[] trailer = new byte[8];
      putLittleEndian(trailer, 0, crc.getValue());
      putLittleEndian(trailer, 4, total);
      out.write(trailer);
    } finally {
      pending.forEach(future -> future.cancel(true));
    }
  }

  private static void putLittleEndian(byte[] to, int at, long value) {
    for (int i = 0; i < 4; i++) {
      to[at + i] = (byte) (value >>> (8 * i));
    }
  }
}
