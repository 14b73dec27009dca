package dev.buildd.buildctl.progress;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.client.SolveStatus;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** Feeds a display, and lets it breathe when there is no news. */
public final class Progress implements Consumer<SolveStatus>, AutoCloseable {
  private static final long TICK_MILLIS = 150;

  private final Display display;
  private final ScheduledFuture<?> ticks;
  private boolean closed;

  public Progress(Display display) {
    this.display = display;
    this.ticks =
        Threads.timer()
            .scheduleAtFixedRate(this::refresh, TICK_MILLIS, TICK_MILLIS, TimeUnit.MILLISECONDS);
  }

  @Override
  public synchronized void accept(SolveStatus status) {
    if (!closed) {
      display.update(status);
    }
  }

  private synchronized void refresh() {
    if (!closed) {
      display.refresh();
    }
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      ticks.cancel(false);
      display.done();
    }
  }
}
