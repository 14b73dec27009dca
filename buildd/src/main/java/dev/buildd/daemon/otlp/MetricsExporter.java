package dev.buildd.daemon.otlp;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.daemon.metrics.Metrics;
import dev.buildd.daemon.metrics.MetricsPage;
import dev.buildd.proto.otlp.collector.ExportMetricsServiceRequest;
import dev.buildd.trace.otlp.OtlpSettings;
import dev.buildd.trace.otlp.OtlpTransport;
import io.netty.channel.EventLoopGroup;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends all figures to a collector, again and again, and once more at the end. What does not arrive
 * is in the next export: sums are from the daemon's start.
 *
 * <p>Safe for use by many threads.
 */
public final class MetricsExporter implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(MetricsExporter.class);
  private static final Duration LAST_WORDS = Duration.ofSeconds(1);
  private static final Duration COMPLAIN_EVERY = Duration.ofMinutes(1);

  private final OtlpSettings settings;
  private final Duration every;
  private final List<Metrics> metrics;
  private final OtlpTransport transport;
  private final long begun =
      TimeUnit.MILLISECONDS.toNanos(ManagementFactory.getRuntimeMXBean().getStartTime());
  private final Thread thread;
  private boolean closed; // guarded by this
  private long complained; // of the thread
  private boolean hasComplained; // of the thread

  private MetricsExporter(
      OtlpSettings settings, Duration every, List<Metrics> metrics, OtlpTransport transport) {
    this.settings = settings;
    this.every = every;
    this.metrics = List.copyOf(metrics);
    this.transport = transport;
    this.thread = Threads.unstarted("export of metrics", this::export);
  }

  /**
   * Begins to send.
   *
   * @param every how often
   * @param loops for connections
   */
  public static MetricsExporter open(
      OtlpSettings settings, Duration every, List<Metrics> metrics, EventLoopGroup loops) {
    log.info("metrics go to {} every {} ms", settings, every.toMillis());
    // what takes longer would be late for the next
    OtlpTransport transport = OtlpTransport.open(settings.withPatience(every), loops);
    MetricsExporter exporter = new MetricsExporter(settings, every, metrics, transport);
    exporter.thread.start();
    return exporter;
  }

  private void export() {
    try {
      boolean last;
      do {
        last = rest();
        send();
      } while (!last);
    } catch (InterruptedException e) {
      // closed: nobody waits for the rest
    }
  }

  /** Waits until the next export is due; says whether it is the last one. */
  private synchronized boolean rest() throws InterruptedException {
    long deadline = System.nanoTime() + every.toNanos();
    for (long left = every.toNanos(); left > 0 && !closed; left = deadline - System.nanoTime()) {
      TimeUnit.NANOSECONDS.timedWait(this, left);
    }
    return closed;
  }

  private void send() throws InterruptedException {
    try {
      MetricsPage page = new MetricsPage();
      metrics.forEach(one -> one.tell(page));
      long now = TimeUnit.MILLISECONDS.toNanos(System.currentTimeMillis());
      ExportMetricsServiceRequest request =
          ExportMetricsServiceRequest.newBuilder()
              .addResourceMetrics(FigureMessages.of(settings.resource(), page, begun, now))
              .build();
      switch (transport.send(request)) {
        case TAKEN -> {}
        case REFUSED -> complain("it refuses them");
        case BUSY -> complain("it is too busy");
      }
    } catch (IOException | RuntimeException e) {
      complain(String.valueOf(e.getMessage()));
    }
  }

  /** Seldom: it may be down for long. */
  private void complain(String failure) {
    long now = System.nanoTime();
    if (!hasComplained || now - complained > COMPLAIN_EVERY.toNanos()) {
      hasComplained = true;
      complained = now;
      log.warn(
          "metrics do not reach their collector endpoint=\"{}\" reason=\"{}\"", settings, failure);
    }
  }

  /** Sends the figures once more, and waits a moment for that. */
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      notifyAll();
    }
    try {
      thread.join(LAST_WORDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    thread.interrupt();
    transport.close();
  }
}
