package dev.buildd.daemon.history;

import dev.buildd.proto.otlp.resource.Resource;
import dev.buildd.proto.otlp.trace.ResourceSpans;
import dev.buildd.proto.otlp.trace.ScopeSpans;
import dev.buildd.trace.Span;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Spans of builds' traces that are not the builds' own: those that clients and steps hand over, and
 * calls. They may come before the build has begun, for which they are kept a minute, and after it
 * has ended. They are never many: who sends them may be anybody, so that what one trace has, and
 * all have together, is limited; what is beyond is passed over.
 *
 * <p>Safe for use by many threads.
 */
public final class ReceivedSpans {
  private static final long MAX_OF_TRACE = 2L << 20; // bytes
  private static final long MAX = 16L << 20; // bytes
  private static final Duration KEPT = Duration.ofMinutes(1);
  private static final int TRACE_BYTES = 16;
  private static final long COST = 200; // bytes that an empty trace takes, about

  private static final class Trace {
    final List<byte[]> lines = new ArrayList<>();
    long bytes;
    int listeners;
    Instant last;

    Trace(Instant last) {
      this.last = last;
    }
  }

  private final Clock clock;
  private final boolean ofCalls;
  private final Map<String, Trace> traces =
      new LinkedHashMap<>(16, 0.75f, true); // by their last use; guarded by this
  private long bytes; // guarded by this

  /**
   * @param ofCalls whether those of clients' calls will be among them, which builds are below then
   */
  public ReceivedSpans(Clock clock, boolean ofCalls) {
    this.clock = clock;
    this.ofCalls = ofCalls;
  }

  boolean ofCalls() {
    return ofCalls;
  }

  /** Takes a span of this process. */
  public void offer(Span span) {
    offer(span.context().trace(), BuildTrace.line(span));
  }

  /** Takes spans of others. */
  public void offer(ResourceSpans spans) {
    Resource resource = spans.getResource();
    for (ScopeSpans scope : spans.getScopeSpansList()) {
      for (dev.buildd.proto.otlp.trace.Span span : scope.getSpansList()) {
        if (span.getTraceId().size() == TRACE_BYTES) {
          offer(
              HexFormat.of().formatHex(span.getTraceId().toByteArray()),
              BuildTrace.line(resource, scope.getScope(), span));
        }
      }
    }
  }

  private synchronized void offer(String id, byte[] line) {
    Instant now = clock.instant();
    forget(now, line.length + COST);
    Trace trace = traces.get(id);
    long cost = line.length + (trace == null ? COST : 0L);
    if (bytes + cost > MAX || (trace == null ? 0 : trace.bytes) + line.length > MAX_OF_TRACE) {
      return;
    }
    if (trace == null) {
      trace = new Trace(now);
      traces.put(id, trace);
    }
    trace.last = now;
    trace.lines.add(line);
    trace.bytes += line.length;
    bytes += cost;
  }

  /** Lets go of traces that nobody listens to and that are old, or in the way, oldest first. */
  private void forget(Instant now, long wanted) {
    Iterator<Trace> oldest = traces.values().iterator();
    while (oldest.hasNext()) {
      Trace trace = oldest.next();
      boolean old = trace.last.plus(KEPT).isBefore(now);
      if (!old && bytes + wanted <= MAX) {
        return;
      }
      if (trace.listeners == 0) {
        oldest.remove();
        bytes -= trace.bytes + COST;
      }
    }
  }

  /** Keeps what comes for a trace until it is closed; what has come already too. */
  Listening listen(String trace) {
    synchronized (this) {
      forget(clock.instant(), COST); // where nobody hands over spans, nothing else would
      traces.computeIfAbsent(
              trace,
              _ -> {
                bytes += COST;
                return new Trace(clock.instant());
              })
          .listeners++;
    }
    return new Listening(trace);
  }

  /** How many traces there is something of, for tests. */
  synchronized int size() {
    return traces.size();
  }

  /** Somebody who wants a trace's spans. */
  final class Listening implements AutoCloseable {
    private final String id;
    private boolean closed; // guarded by the outer object

    private Listening(String id) {
      this.id = id;
    }

    /** What has come so far, in its order; each a line. Nothing once it is closed. */
    List<byte[]> lines() {
      synchronized (ReceivedSpans.this) {
        Trace trace = closed ? null : traces.get(id);
        return trace == null ? List.of() : List.copyOf(trace.lines);
      }
    }

    @Override
    public void close() {
      synchronized (ReceivedSpans.this) {
        Trace trace = traces.get(id);
        if (!closed && trace != null) {
          trace.listeners--;
          trace.last = clock.instant();
        }
        closed = true;
      }
    }
  }
}
