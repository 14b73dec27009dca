package dev.buildd.daemon.otlp;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.daemon.build.BuildObserver;
import dev.buildd.daemon.build.BuildRequest;
import dev.buildd.daemon.metrics.Metrics;
import dev.buildd.daemon.metrics.MetricsPage;
import dev.buildd.daemon.trace.BuildSpans;
import dev.buildd.daemon.wire.WireErrors;
import dev.buildd.proto.otlp.collector.ExportTraceServiceRequest;
import dev.buildd.proto.otlp.trace.ResourceSpans;
import dev.buildd.trace.Span;
import dev.buildd.trace.TraceContext;
import dev.buildd.trace.otlp.OtlpMessages;
import dev.buildd.trace.otlp.OtlpSettings;
import dev.buildd.trace.otlp.OtlpTransport;
import io.netty.channel.EventLoopGroup;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends the spans of builds, and those that clients hand over, to a collector of traces. Nobody
 * waits for it: what the collector does not take is dropped, and counted.
 *
 * <p>Safe for use by many threads.
 */
public final class SpanExporter implements BuildObserver, Metrics, AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(SpanExporter.class);
  private static final int MAX_WAITING = 8_192; // spans
  private static final long MAX_BYTES = 16L << 20;
  private static final int BATCH_BYTES = 2 << 20; // collectors take 4 MiB
  private static final int AT_ONCE = 512; // spans of a build in one message
  private static final int TRIES = 4;
  private static final Duration FIRST_REST = Duration.ofMillis(500);
  private static final Duration LAST_WORDS = Duration.ofSeconds(1);
  private static final Duration COMPLAIN_EVERY = Duration.ofMinutes(1);

  private record Waiting(ResourceSpans spans, int count, int bytes) {}

  private final OtlpSettings settings;
  private final OtlpTransport transport;
  private final Deque<Waiting> queue = new ArrayDeque<>(); // guarded by this
  private int waiting; // spans; guarded by this
  private long waitingBytes; // guarded by this
  private boolean sending; // guarded by this
  private boolean closed; // guarded by this
  private final LongAdder sent = new LongAdder();
  private final LongAdder dropped = new LongAdder();
  private final Thread thread;
  private @Nullable Instant complained; // of the thread

  private SpanExporter(OtlpSettings settings, OtlpTransport transport) {
    this.settings = settings;
    this.transport = transport;
    this.thread = Threads.start("export of traces", this::export);
  }

  /**
   * Begins to send.
   *
   * @param loops for connections
   */
  public static SpanExporter open(OtlpSettings settings, EventLoopGroup loops) {
    log.info("traces go to {}", settings);
    return new SpanExporter(settings, OtlpTransport.open(settings, loops));
  }

  @Override
  public Watch begins(BuildRequest request, Instant at) {
    if (!request.trace().map(TraceContext::sampled).orElse(true)) {
      return Watch.NONE; // whose trace it is does not keep it
    }
    return ending -> {
      String error =
          ending.failure().map(failure -> WireErrors.statusOf(failure).getMessage()).orElse("");
      List<Span> spans =
          BuildSpans.of(
              request.ref(), request.trace(), false, at, ending.at(), ending.progress(), error);
      for (int i = 0; i < spans.size(); i += AT_ONCE) {
        List<Span> some = spans.subList(i, Math.min(spans.size(), i + AT_ONCE));
        offer(OtlpMessages.of(settings.resource(), some));
      }
    };
  }

  /** Takes a span of this process, or drops it if too many wait. */
  public void offer(Span span) {
    offer(OtlpMessages.of(settings.resource(), List.of(span)));
  }

  /** Takes spans, or drops them if too many wait. */
  public synchronized void offer(ResourceSpans spans) {
    Waiting next = new Waiting(spans, OtlpMessages.count(spans), spans.getSerializedSize());
    if (closed || waiting + next.count > MAX_WAITING || waitingBytes + next.bytes > MAX_BYTES) {
      dropped.add(next.count);
      return;
    }
    queue.add(next);
    waiting += next.count;
    waitingBytes += next.bytes;
    notifyAll();
  }

  private void export() {
    try {
      for (List<Waiting> batch = next(); !batch.isEmpty(); batch = next()) {
        ExportTraceServiceRequest.Builder request = ExportTraceServiceRequest.newBuilder();
        batch.forEach(one -> request.addResourceSpans(one.spans));
        int count = batch.stream().mapToInt(Waiting::count).sum();
        boolean taken = false;
        try {
          taken = send(request.build());
        } finally {
          (taken ? sent : dropped).add(count);
        }
      }
    } catch (InterruptedException e) {
      // closed: nobody waits for the rest
    }
  }

  /** What to send next; nothing once it is closed and all is sent. */
  private synchronized List<Waiting> next() throws InterruptedException {
    sending = false;
    notifyAll();
    while (queue.isEmpty() && !closed) {
      wait();
    }
    List<Waiting> batch = new ArrayList<>();
    long bytes = 0;
    while (!queue.isEmpty() && (batch.isEmpty() || bytes + queue.peek().bytes <= BATCH_BYTES)) {
      Waiting one = queue.remove();
      batch.add(one);
      bytes += one.bytes;
      waiting -= one.count;
      waitingBytes -= one.bytes;
    }
    sending = !batch.isEmpty();
    return batch;
  }

  private boolean send(ExportTraceServiceRequest request) throws InterruptedException {
    Duration rest = FIRST_REST;
    String failure = "";
    for (int i = 0; i < TRIES; i++) {
      if (i > 0) {
        Thread.sleep(rest);
        rest = rest.multipliedBy(2);
      }
      try {
        switch (transport.send(request)) {
          case TAKEN -> {
            return true;
          }
          case REFUSED -> {
            complain("it refuses them");
            return false;
          }
          case BUSY -> failure = "it is too busy";
        }
      } catch (IOException | RuntimeException e) {
        failure = String.valueOf(e.getMessage());
      }
    }
    complain(failure);
    return false;
  }

  /** Seldom: it may be down for long. */
  private void complain(String failure) {
    Instant now = Instant.now();
    if (complained == null || complained.plus(COMPLAIN_EVERY).isBefore(now)) {
      complained = now;
      log.warn(
          "traces do not reach their collector endpoint=\"{}\" reason=\"{}\"", settings, failure);
    }
  }

  @Override
  public void tell(MetricsPage page) {
    page.counters("buildd_trace_spans_total", "Spans for the collector of traces.")
        .sample(sent.sum(), "outcome", "sent")
        .sample(dropped.sum(), "outcome", "dropped");
  }

  /** Gives what waits a moment to be sent. */
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      notifyAll();
      long deadline = System.nanoTime() + LAST_WORDS.toNanos();
      try {
        for (long left = LAST_WORDS.toNanos();
            left > 0 && (sending || !queue.isEmpty());
            left = deadline - System.nanoTime()) {
          wait(left / 1_000_000 + 1);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
    thread.interrupt();
    transport.close();
  }
}
