package dev.buildd.snapshot.layer;

import dev.buildd.base.concurrent.Threads;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import org.jspecify.annotations.Nullable;

/**
 * Writes gzip (RFC 1952), its blocks compressed side by side: one member, or several on request.
 * The bytes depend on the content, the level and the members alone, not on the number of
 * processors: every block is of one size and takes the end of the block before as its dictionary.
 *
 * <p>Used by one thread, which must not be one of those that burn processor time.
 */
final class GzipOutput extends OutputStream {
  private static final int BLOCK = 256 << 10;
  private static final int WINDOW = 32 << 10;
  private static final int MAX_PENDING = 1000;
  private static final byte[] NOTHING = new byte[0];
  private static final byte[] HEADER = {0x1f, (byte) 0x8b, 8, 0, 0, 0, 0, 0, 0, (byte) 0xff};

  private final OutputStream out;
  private final int level;
  private final long ahead = (Runtime.getRuntime().availableProcessors() + 1L) * BLOCK;
  private final CRC32 crc = new CRC32();
  private final Deque<Piece> pending = new ArrayDeque<>();
  private long pendingBytes;
  private long written;
  private byte[] block = new byte[BLOCK];
  private byte[] before = NOTHING;
  private int filled;
  private long total;
  private boolean closed;

  /** A member of the output. */
  static final class Member {
    private long offset = -1;

    /** Where it begins in the output; known once that has been written as far. */
    long offset() {
      if (offset < 0) {
        throw new IllegalStateException("not written yet");
      }
      return offset;
    }
  }

  /**
   * Bytes to come, in their order.
   *
   * @param size of the content that they are made of
   * @param begins the member whose first bytes they are
   */
  private record Piece(Future<byte[]> bytes, int size, @Nullable Member begins) {}

  GzipOutput(OutputStream out, int level) {
    this.out = out;
    this.level = level;
    begin();
  }

  private Member begin() {
    Member member = new Member();
    pending.add(new Piece(CompletableFuture.completedFuture(HEADER), 0, member));
    return member;
  }

  /** Ends the member and begins another one with what is written next. */
  Member nextMember() throws IOException {
    end();
    return begin();
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
    boolean small = filled < BLOCK / 2;
    byte[] content = small ? Arrays.copyOf(block, filled) : block;
    byte[] dictionary = before;
    int size = filled;
    Future<byte[]> packed =
        Threads.cpu().executor().submit(() -> deflate(content, size, dictionary, level, last));
    pending.add(new Piece(packed, size, null));
    pendingBytes += size;
    before = last ? NOTHING : Arrays.copyOfRange(content, Math.max(0, size - WINDOW), size);
    if (!small) {
      block = new byte[BLOCK];
    }
    filled = 0;
    while (pendingBytes > ahead || pending.size() > MAX_PENDING) {
      writeFirst();
    }
  }

  /** Writes all but what has not filled a block yet, so that the members' places are known. */
  void flushMembers() throws IOException {
    while (!pending.isEmpty()) {
      writeFirst();
    }
  }

  private void writeFirst() throws IOException {
    Piece piece = pending.remove();
    pendingBytes -= piece.size;
    Member begins = piece.begins;
    if (begins != null) {
      begins.offset = written;
    }
    byte[] bytes = taken(piece.bytes);
    out.write(bytes);
    written += bytes.length;
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
      byte[] content, int size, byte[] dictionary, int level, boolean last) {
    try (Deflater deflater = new Deflater(level, true)) {
      if (dictionary.length > 0) {
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

  private void end() throws IOException {
    submit(true);
    byte[] trailer = new byte[8];
    putLittleEndian(trailer, 0, crc.getValue());
    putLittleEndian(trailer, 4, total);
    pending.add(new Piece(CompletableFuture.completedFuture(trailer), 0, null));
    crc.reset();
    total = 0;
  }

  /** Ends the member without closing the stream below. */
  void finish() throws IOException {
    if (closed) {
      return;
    }
    closed = true;
    try {
      end();
      flushMembers();
    } finally {
      pending.forEach(piece -> piece.bytes.cancel(true));
    }
  }

  /** Ends the member and closes the stream below. */
  @Override
  public void close() throws IOException {
    try (out) {
      finish();
    }
  }

  private static void putLittleEndian(byte[] to, int at, long value) {
    for (int i = 0; i < 4; i++) {
      to[at + i] = (byte) (value >>> (8 * i));
    }
  }
}
