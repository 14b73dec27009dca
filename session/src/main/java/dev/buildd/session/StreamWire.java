package dev.buildd.session;

import com.google.protobuf.ByteString;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.proto.control.BytesMessage;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Carries a tunnel's bytes over two streams, which block: so two threads wait on them. */
final class StreamWire implements Tunnel.Wire {
  private static final Logger log = LoggerFactory.getLogger(StreamWire.class);
  private static final int CHUNK = 64 << 10;
  private static final int PENDING = 1 << 20;

  private final String name;
  private final InputStream in;
  private final OutputStream out;
  private final Runnable whenClosed;
  private final Deque<ByteString> pending = new ArrayDeque<>(); // guarded by this
  private int pendingBytes; // guarded by this
  private int wanted; // chunks; guarded by this
  private boolean closed; // guarded by this
  private @Nullable Thread reader; // guarded by this

  /**
   * @param whenClosed runs when the tunnel is closed, by either end; it must not block
   */
  StreamWire(String name, InputStream in, OutputStream out, Runnable whenClosed) {
    this.name = name;
    this.in = in;
    this.out = out;
    this.whenClosed = whenClosed;
  }

  /** Begins to carry; the tunnel is there by now. */
  void start(Tunnel tunnel) {
    Threads.start("write " + name, () -> write(tunnel));
    Thread reading = Threads.unstarted("read " + name, () -> read(tunnel));
    synchronized (this) {
      reader = reading;
    }
    reading.start();
  }

  private void read(Tunnel tunnel) {
    byte[] buffer = new byte[CHUNK];
    try {
      while (awaitWanted()) {
        int n = in.read(buffer);
        if (n < 0) {
          break;
        }
        tunnel.inbound(ByteString.copyFrom(buffer, 0, n));
      }
    } catch (IOException e) {
      log.debug("connection lost name={} reason=\"{}\"", name, e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // closed
    }
    tunnel.inboundEnd();
  }

  private synchronized boolean awaitWanted() throws InterruptedException {
    while (wanted == 0 && !closed) {
      wait();
    }
    wanted--;
    return !closed;
  }

  private void write(Tunnel tunnel) {
    try (OutputStream to = out) {
      for (ByteString next = next(); next != null; next = next()) {
        next.writeTo(to);
        to.flush();
        if (written(next.size())) {
          tunnel.writable();
        }
      }
    } catch (IOException e) {
      log.debug("connection lost name={} reason=\"{}\"", name, e.getMessage());
      tunnel.hangUp();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      tunnel.hangUp();
    }
  }

  /** Null when it is closed and all is written. */
  private synchronized @Nullable ByteString next() throws InterruptedException {
    while (pending.isEmpty() && !closed) {
      wait();
    }
    return pending.poll();
  }

  /** Whether the tunnel may have waited for that. */
  private synchronized boolean written(int bytes) {
    boolean full = pendingBytes >= PENDING;
    pendingBytes -= bytes;
    return full && pendingBytes < PENDING;
  }

  @Override
  public synchronized boolean isReady() {
    return pendingBytes < PENDING && !closed;
  }

  @Override
  public synchronized void send(BytesMessage message) {
    pending.add(message.getData());
    pendingBytes += message.getData().size();
    notifyAll();
  }

  @Override
  public synchronized void request(int messages) {
    wanted += messages;
    notifyAll();
  }

  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      notifyAll();
      if (reader != null) {
        reader.interrupt();
      }
    }
    whenClosed.run();
  }
}
