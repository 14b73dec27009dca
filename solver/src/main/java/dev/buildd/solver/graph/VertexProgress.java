package dev.buildd.solver.graph;

import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.metrics.ResourceUsage;
import java.time.Clock;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The progress of a vertex, or of an execution that vertices share: what is told goes, in one
 * order, to all who listen, and to those that come late from its start. A vertex listens to the
 * executions that it shares and retells what they tell as its own; jobs listen to vertices. Nobody
 * listens the other way round.
 *
 * <p>Safe for use by many threads.
 */
public final class VertexProgress {
  private final Clock clock;
  // guarded by this: a lock is taken only while holding that of what is listened to, never the
  // other way round
  private final ProgressList published = new ProgressList();
  private final Map<Object, Consumer<ProgressEvent>> listeners = new LinkedHashMap<>();
  private ProgressEvent.VertexState state;
  private String pin = "";

  VertexProgress(Clock clock, ProgressEvent.VertexState initial) {
    this.clock = clock;
    this.state = initial;
    published.add(initial);
  }

  /** A vertex that stands for work outside the graph, such as an export. */
  public static VertexProgress standalone(Journal journal, Digest digest, String name) {
    VertexProgress progress =
        new VertexProgress(
            Clock.systemUTC(),
            new ProgressEvent.VertexState(
                digest,
                List.of(),
                name,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                false,
                ""));
    progress.watch(journal);
    return progress;
  }

  public synchronized Digest vertex() {
    return state.vertex();
  }

  /** Begins to tell a job, from the start; once, however often it is asked to. */
  void watch(Journal journal) {
    listen(journal, 0, journal::append);
  }

  void unwatch(Journal journal) {
    ignore(journal);
  }

  /** Begins to tell a vertex of the work that it shares, from the start of the work. */
  void forwardTo(VertexProgress vertex) {
    listen(vertex, 1, vertex::republish); // the first event is the vertex itself, which has its own
  }

  /** As {@link #forwardTo}, but of what comes from now on only. */
  synchronized void forwardFromNowTo(VertexProgress vertex) {
    listen(vertex, published.end(), vertex::republish);
  }

  void endForwardingTo(VertexProgress vertex) {
    ignore(vertex);
  }

  private synchronized void listen(Object who, long from, Consumer<ProgressEvent> listener) {
    if (listeners.putIfAbsent(who, listener) == null) {
      published.from(from).forEach(listener);
    }
  }

  private synchronized void ignore(Object who) {
    listeners.remove(who);
  }

  private synchronized void republish(ProgressEvent event) {
    publish(event.relabel(state));
  }

  private synchronized void publish(ProgressEvent event) {
    if (event instanceof ProgressEvent.VertexState next) {
      state = next;
    }
    published.add(event);
    listeners.values().forEach(listener -> listener.accept(event));
  }

  synchronized ProgressEvent.VertexState state() {
    return state;
  }

  public synchronized void started() {
    publish(state.with(Optional.of(now()), Optional.empty(), false, ""));
  }

  /** Ends the work; null means success. */
  public synchronized void completed(@Nullable Throwable failure) {
    publish(
        state.with(
            state.started().or(() -> Optional.of(now())),
            Optional.of(now()),
            false,
            text(failure)));
  }

  /**
   * Tells that the result was there already, for what is told besides.
   *
   * @return whether that was news: false if the vertex began to work or has been told of
   */
  public synchronized boolean cached(ProgressEvent.Reason reason) {
    boolean news = cached();
    if (news) {
      explained(reason);
    }
    return news;
  }

  /** As {@link #cached(ProgressEvent.Reason)}, of what was not asked for at all. */
  public synchronized boolean cached() {
    if (state.started().isPresent()) {
      return false;
    }
    Optional<Instant> at = Optional.of(now());
    publish(state.with(at, at, true, ""));
    return true;
  }

  private static String text(@Nullable Throwable failure) {
    if (failure == null) {
      return "";
    }
    if (isCancelled(failure)) {
      return "context canceled";
    }
    String message = failure.getMessage();
    return message == null ? failure.toString() : message;
  }

  private static boolean isCancelled(Throwable failure) {
    return BuildException.categoryOf(failure) == Category.CANCELED;
  }

  /** Output of the step; stream 1 is stdout, 2 is stderr. The bytes must not change afterwards. */
  public void log(int stream, byte[] data) {
    publish(new ProgressEvent.Log(vertex(), stream, data, now(), false));
  }

  /** As {@link #log}, of what those who watch see and a record of the build has elsewhere. */
  public void logToWatchers(int stream, byte[] data) {
    publish(new ProgressEvent.Log(vertex(), stream, data, now(), true));
  }

  /** Output that is for a record of the build only: a part of a file. */
  public void clipped(int stream, KeptOutput file, long offset, int length) {
    publish(new ProgressEvent.Clipped(vertex(), stream, file, offset, length, now()));
  }

  /** What the step's processes took. */
  public void used(ResourceUsage usage) {
    publish(new ProgressEvent.Used(vertex(), usage, now()));
  }

  public void warn(
      int level,
      byte[] summary,
      List<byte[]> detail,
      String url,
      Optional<ProgressEvent.SourceInfo> source,
      List<ProgressEvent.SourceRange> ranges) {
    publish(new ProgressEvent.Warning(vertex(), level, summary, detail, url, source, ranges));
  }

  /** Tells what a source turned out to be; see {@link ProgressEvent.SourceResolved}. */
  public synchronized void resolved(
      String identifier, Map<String, String> attributes, String resolvedPin) {
    pin = resolvedPin;
    publish(new ProgressEvent.SourceResolved(vertex(), identifier, attributes, resolvedPin));
  }

  /** What the vertex, if it is a source, turned out to be; else empty. */
  synchronized String pin() {
    return pin;
  }

  /** Tells why the work was done, or need not be done; see {@link ProgressEvent.Explained}. */
  public void explained(ProgressEvent.Reason reason) {
    publish(new ProgressEvent.Explained(vertex(), reason, now()));
  }

  /** Begins a part of the work that users see as a line of its own. */
  public Part part(String id) {
    return new Part(id);
  }

  private Instant now() {
    return clock.instant();
  }

  /** A part of the work. Tells at most ten times a second, but always its end. */
  public final class Part implements AutoCloseable {
    private final String id;
    private final Instant started = now();
    private long reportedAt;
    private long current;
    private long total;
    private String action = "";
    private boolean done;

    private Part(String id) {
      this.id = id;
      emit(Optional.empty());
    }

    private void emit(Optional<Instant> completed) {
      publish(
          new ProgressEvent.Status(
              vertex(), id, action, current, total, now(), Optional.of(started), completed));
    }

    /** Tells how far the work is; units are bytes where bytes are moved. */
    public synchronized void update(String name, long now, long of) {
      current = now;
      total = of;
      action = name;
      long at = System.nanoTime();
      if (at - reportedAt > 100_000_000L) {
        reportedAt = at;
        emit(Optional.empty());
      }
    }

    @Override
    public synchronized void close() {
      if (!done) {
        done = true;
        emit(Optional.of(now()));
      }
    }
  }
}
