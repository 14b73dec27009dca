package dev.buildd.snapshot.layer;

import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.io.BlockInput;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.util.Objects;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import org.jspecify.annotations.Nullable;

/**
 * Reads another stream on a thread of its own: what makes the bytes, as inflating does, goes on
 * while others use them. A megabyte is read ahead, never more.
 *
 * <p>Used by one thread, the one that made it; not by one that burns processor time, for it waits.
 */
final class ReadAhead extends BlockInput {
  private static final int BUFFER = 256 << 10;
  private static final int BUFFERS = 4;

  /**
   * Some of the bytes; none at the end, whether that is the stream's or a failure.
   *
   * @param failure an {@link IOException}, a {@link RuntimeException} or an {@link Error}
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Piece(byte[] bytes, int length, @Nullable Throwable failure) {}

  private final InputStream in;
  private final BlockingQueue<Piece> full = new ArrayBlockingQueue<>(BUFFERS + 1);
  private final BlockingQueue<byte[]> empty = new ArrayBlockingQueue<>(BUFFERS);
  private final Scope scope = Scope.open("read ahead");
  private int made; // buffers; belongs to the reading thread
  private @Nullable Piece piece;
  private int position;

  /**
   * @param in closed with this
   */
  ReadAhead(InputStream in) {
    this.in = in;
    scope.fork(
        "read ahead",
        () ->
            Threads.nativeCalls()
                .call(() -> {
                  fill();
                  return true;
                }));
  }

  private void fill() throws InterruptedException {
    byte[] none = new byte[0];
    try {
      int n = BUFFER;
      while (n == BUFFER) {
        byte[] buffer = buffer();
        n = in.readNBytes(buffer, 0, BUFFER);
        if (n > 0) {
          full.put(new Piece(buffer, n, null));
        }
      }
      full.put(new Piece(none, 0, null));
    } catch (IOException | RuntimeException | Error e) {
      full.put(new Piece(none, 0, e)); // else whoever reads would wait for ever
    }
  }

  /** Made when there is something to fill it with: most layers of a cache need but one. */
  private byte[] buffer() throws InterruptedException {
    byte[] used = empty.poll();
    if (used != null) {
      return used;
    }
    if (made == BUFFERS) {
      return empty.take();
    }
    made++;
    return new byte[BUFFER];
  }

  /** The piece to read from, which is empty at the end. */
  private Piece current() throws IOException {
    Piece now = piece;
    if (now == null || (now.length > 0 && position == now.length)) {
      try {
        if (now != null) {
          empty.put(now.bytes);
        }
        now = full.take();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException("reading ahead");
      }
      piece = now;
      position = 0;
    }
    switch (now.failure) {
      case null -> {}
      case IOException e -> throw e;
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      case Throwable e -> throw new IOException(e);
    }
    return now;
  }

  @Override
  public int read(byte[] to, int at, int length) throws IOException {
    Objects.checkFromIndexSize(at, length, to.length);
    if (length == 0) {
      return 0;
    }
    Piece from = current();
    if (from.length == 0) {
      return -1;
    }
    int n = Math.min(length, from.length - position);
    System.arraycopy(from.bytes, position, to, at, n);
    position += n;
    return n;
  }

  @Override
  public void close() throws IOException {
    scope.close(); // nobody uses the stream below any more
    in.close();
  }
}
