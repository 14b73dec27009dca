package dev.buildd.base.http;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.io.BlockInput;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/** A body of which something must arrive from time to time: a silent peer is a broken one. */
public final class StallGuard extends BlockInput {
  private final InputStream in;
  private final Duration patience;
  private final ScheduledFuture<?> watch;
  private volatile long lastHeard = System.nanoTime();
  private volatile boolean stalled;

  /**
   * @param patience how long nothing may arrive before reading fails
   */
  public StallGuard(InputStream body, Duration patience) {
    this.in = body;
    this.patience = patience;
    long period = Math.max(1, patience.toMillis() / 4);
    this.watch =
        Threads.timer().scheduleWithFixedDelay(this::look, period, period, TimeUnit.MILLISECONDS);
  }

  private void look() {
    if (System.nanoTime() - lastHeard > patience.toNanos()) {
      stalled = true;
      watch.cancel(false);
      try {
        in.close(); // wakes the reader
      } catch (IOException e) {
        // it is broken in any case
      }
    }
  }

  @Override
  public int read(byte[] to, int at, int length) throws IOException {
    lastHeard = System.nanoTime(); // what the reader did meanwhile is not the peer's fault
    try {
      int n = in.read(to, at, length);
      if (n < 0 && stalled) {
        throw new IOException("nothing received for " + patience.toSeconds() + " s");
      }
      return n;
    } catch (IOException e) {
      throw stalled ? new IOException("nothing received for " + patience.toSeconds() + " s", e) : e;
    } finally {
      lastHeard = System.nanoTime();
    }
  }

  @Override
  public void close() throws IOException {
    watch.cancel(false);
    in.close();
  }
}
