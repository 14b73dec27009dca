package dev.buildd.solver.graph;

import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The progress of one active vertex: an append-only list that is told to every watching journal
 * and, from its start, to those that come late. Work that two vertices share is told of both.
 *
 * <p>Safe for use by many threads.
 */
public final class VertexProgress {
  private final Clock clock;
  private final List<ProgressEvent> told = new ArrayList<>();
  private final Set<Journal> journals = new LinkedHashSet<>();
  private final Set<VertexProgress> followers = new LinkedHashSet<>();
  private ProgressEvent.VertexState state;

  VertexProgress(Clock clock, ProgressEvent.VertexState initial) {
    this.clock = clock;
    this.state = initial;
    told.add(initial);
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

  synchronized void watch(Journal journal) {
    if (journals.add(journal)) {
      told.forEach(journal::append);
    }
  }

  synchronized void unwatch(Journal journal) {
    journals.remove(journal);
  }

  /** Tells the other vertex all that is told of this one, from the start of its work. */
  void follow(VertexProgress follower) {
    if (follower == this) {
      return;
    }
    List<ProgressEvent> before;
    synchronized (this) {
      if (!followers.add(follower)) {
        return;
      }
      before = told.subList(1, told.size()).stream().toList();
    }
    before.forEach(follower::retell);
  }

  private void retell(ProgressEvent event) {
    synchronized (this) {
      tell(event.relabel(state));
    }
  }

  private void tell(ProgressEvent event) {
    List<VertexProgress> also;
    synchronized (this) {
      if (event instanceof ProgressEvent.VertexState next) {
        state = next;
      }
      told.add(event);
      journals.forEach(j -> j.append(event));
      also = List.copyOf(followers);
    }
    also.forEach(f -> f.retell(event));
  }

  public void started() {
    tell(current().with(Optional.of(now()), Optional.empty(), false, ""));
  }

  /** Ends the work; null means success. */
  public void completed(@Nullable Throwable failure) {
    ProgressEvent.VertexState now = current();
    tell(
        now.with(
            now.started().or(() -> Optional.of(now())), Optional.of(now()), false, text(failure)));
  }

  /**
   * Tells that the result was there already.
   *
   * @return whether that was news: false if the vertex began to work or has been told of
   */
  public boolean cached() {
    ProgressEvent.VertexState known;
    synchronized (this) {
      if (state.started().isPresent()) {
        return false;
      }
      Instant at = now();
      known = state.with(Optional.of(at), Optional.of(at), true, "");
      state = known;
    }
    tell(known);
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

  private synchronized ProgressEvent.VertexState current() {
    return state;
  }

  /** Output of the step; stream 1 is stdout, 2 is stderr. The bytes must not change afterwards. */
  public void log(int stream, byte[] data) {
    tell(new ProgressEvent.Log(vertex(), stream, data, now()));
  }

  public void warn(
      int level,
      byte[] summary,
      List<byte[]> detail,
      String url,
      Optional<ProgressEvent.SourceInfo> source,
      List<ProgressEvent.SourceRange> ranges) {
    tell(new ProgressEvent.Warning(vertex(), level, summary, detail, url, source, ranges));
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
    private long toldAt;
    private long current;
    private long total;
    private String action = "";
    private boolean done;

    private Part(String id) {
      this.id = id;
      emit(Optional.empty());
    }

    private void emit(Optional<Instant> completed) {
      tell(
          new ProgressEvent.Status(
              vertex(), id, action, current, total, now(), Optional.of(started), completed));
    }

    /** Tells how far the work is; units are bytes where bytes are moved. */
    public synchronized void update(String name, long now, long of) {
      current = now;
      total = of;
      action = name;
      long at = System.nanoTime();
      if (at - toldAt > 100_000_000L) {
        toldAt = at;
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
