package dev.buildd.buildctl.progress;

import com.google.protobuf.ByteString;
import dev.buildd.base.text.GoQuote;
import dev.buildd.client.SolveStatus;
import dev.buildd.proto.pb.ProgressGroup;
import java.io.PrintStream;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** All that is known of a build's progress. */
final class Trace {
  private static final int KEPT_LOGS = 10;

  /** A time during which a step, or one of a group, ran. */
  record Interval(Instant start, @Nullable Instant stop) {
    double seconds() {
      Instant end = stop == null ? Instant.now() : stop;
      return Math.max(0, Duration.between(start, end).toNanos() / 1e9);
    }
  }

  /** A step or a group of steps that is shown as one. */
  static final class Vertex {
    final String digest;
    String name = "";
    String error = "";
    boolean cached;
    boolean group;
    boolean hidden;
    int index;
    final Map<Instant, Interval> intervals = new TreeMap<>();
    final Map<String, SolveStatus.Status> statuses = new LinkedHashMap<>();
    final Set<String> changedStatuses = new LinkedHashSet<>();
    final List<SolveStatus.Warning> warnings = new ArrayList<>();
    int warningsShown;
    List<byte[]> logs = new ArrayList<>();
    boolean logsPartial;
    int logsOffset;
    final Deque<byte[]> lastLogs = new ArrayDeque<>();
    int count;
    @Nullable Instant lastBlock;
    final Map<String, SolveStatus.Vertex> members = new LinkedHashMap<>();

    Vertex(String digest) {
      this.digest = digest;
    }

    void touch() {
      if (count == 0) {
        lastBlock = Instant.now();
      }
      count++;
    }

    /** The intervals, those that overlap made one. */
    List<Interval> merged() {
      List<Interval> out = new ArrayList<>();
      for (Interval next : intervals.values()) {
        Interval last = out.isEmpty() ? null : out.getLast();
        if (last == null || (last.stop != null && last.stop.isBefore(next.start))) {
          out.add(next);
        } else if (last.stop == null) {
          break;
        } else if (next.stop == null || next.stop.isAfter(last.stop)) {
          out.set(out.size() - 1, new Interval(last.start, next.stop));
        }
      }
      return out;
    }

    boolean isStarted() {
      return !intervals.isEmpty();
    }

    boolean isCompleted() {
      return isStarted() && merged().getLast().stop != null;
    }

    Optional<Instant> completedAt() {
      return isStarted() ? Optional.ofNullable(merged().getLast().stop) : Optional.empty();
    }

    double seconds() {
      return merged().stream().mapToDouble(Interval::seconds).sum();
    }

    boolean isCanceled() {
      return error.endsWith("context canceled");
    }

    void keep(byte[] line) {
      lastLogs.addLast(line);
      if (lastLogs.size() > KEPT_LOGS) {
        lastLogs.removeFirst();
      }
    }
  }

  private final Map<String, Vertex> byDigest = new LinkedHashMap<>();
  private final Map<String, SolveStatus.Vertex> previous = new HashMap<>();
  private final Map<String, Vertex> groups = new HashMap<>();

  /** In the order in which they started. */
  final List<Vertex> shown = new ArrayList<>();

  /** Of which there is something new. */
  final Set<Vertex> updates = new LinkedHashSet<>();

  @Nullable Instant startTime;
  @Nullable Duration clockSkew;

  Collection<Vertex> all() {
    return new LinkedHashSet<>(byDigest.values());
  }

  void update(SolveStatus status) {
    Set<Vertex> changedGroups = new LinkedHashSet<>();
    for (SolveStatus.Vertex v : status.vertexes()) {
      if (startTime == null && v.started().isPresent()) {
        startTime = v.started().get();
        clockSkew = Duration.between(startTime, Instant.now());
      }
      if (v.progressGroup().isPresent()) {
        Vertex group = group(v.progressGroup().get());
        group.members.put(v.digest(), v);
        byDigest.put(v.digest(), group);
        changedGroups.add(group);
      } else {
        update(v);
      }
    }
    changedGroups.forEach(this::refresh);
    status.statuses().forEach(this::update);
    for (SolveStatus.Warning warning : status.warnings()) {
      Vertex vertex = byDigest.get(warning.vertex());
      if (vertex != null) {
        vertex.warnings.add(warning);
        updates.add(vertex);
        vertex.touch();
      }
    }
    status.logs().forEach(this::update);
  }

  private Vertex group(ProgressGroup group) {
    return groups.computeIfAbsent(
        group.getId(),
        id -> {
          Vertex made = new Vertex(id);
          made.name = group.getName();
          made.group = true;
          made.hidden = true;
          byDigest.put(id, made);
          return made;
        });
  }

  private void update(SolveStatus.Vertex v) {
    Vertex vertex = byDigest.computeIfAbsent(v.digest(), Vertex::new);
    boolean wasStarted = vertex.isStarted();
    if (v.started().isPresent() && !v.equals(previous.put(v.digest(), v))) {
      vertex.touch();
      updates.add(vertex);
    }
    // a step may be announced again, which changes nothing once it has started
    if (!wasStarted || v.started().isPresent()) {
      vertex.name = GoQuote.printable(v.name()); // which a daemon may have got from anybody
      vertex.error = printable(v.error());
      vertex.cached = v.cached();
    }
    if (v.started().isPresent()) {
      Instant start = v.started().get();
      vertex.intervals.put(start, new Interval(start, v.completed().orElse(null)));
      if (!wasStarted) {
        shown.add(vertex);
      }
    }
  }

  /** Several lines may come, but nothing that the terminal obeys. */
  private static String printable(String text) {
    return text.lines().map(GoQuote::printable).collect(Collectors.joining("\n"));
  }

  private void refresh(Vertex group) {
    boolean cached = true;
    boolean changed = false;
    boolean wasHidden = group.hidden;
    String error = "";
    for (SolveStatus.Vertex member : group.members.values()) {
      if (member.started().isPresent()) {
        Instant start = member.started().get();
        Interval interval = new Interval(start, member.completed().orElse(null));
        changed |= !interval.equals(group.intervals.put(start, interval));
        if (member.progressGroup().map(g -> !g.getWeak()).orElse(false)) {
          group.hidden = false;
        }
      }
      cached &= member.cached();
      error = error.isEmpty() ? member.error() : error;
    }
    group.hidden &= error.isEmpty();
    changed |= group.cached != cached || !group.error.equals(error);
    group.cached = cached;
    group.error = error;
    if (group.hidden) {
      return;
    }
    if (wasHidden) {
      shown.add(group);
      changed = true;
    }
    if (changed) {
      group.touch();
      updates.add(group);
    }
  }

  private void update(SolveStatus.Status status) {
    Vertex vertex = byDigest.get(status.vertex());
    if (vertex == null) {
      return;
    }
    vertex.statuses.put(status.id(), status);
    vertex.changedStatuses.add(status.id());
    updates.add(vertex);
    vertex.touch();
  }

  private void update(SolveStatus.Log log) {
    Vertex vertex = byDigest.get(log.vertex());
    if (vertex == null) {
      return;
    }
    ByteString data = log.data();
    boolean first = true;
    int at = 0;
    while (at < data.size()) {
      int end = at;
      while (end < data.size() && data.byteAt(end) != '\n') {
        end++;
      }
      byte[] line = data.substring(at, end).toByteArray();
      if (first && vertex.logsPartial && !vertex.logs.isEmpty()) {
        vertex.logs.set(vertex.logs.size() - 1, concat(vertex.logs.getLast(), line));
      } else {
        vertex.logs.add(concat(since(vertex, log.timestamp()).getBytes(UTF_8), line));
      }
      first = false;
      vertex.logsPartial = end == data.size();
      at = end + 1;
    }
    updates.add(vertex);
    vertex.touch();
  }

  private static final java.nio.charset.Charset UTF_8 = java.nio.charset.StandardCharsets.UTF_8;

  private static String since(Vertex vertex, Instant at) {
    double seconds =
        vertex.isStarted()
            ? Duration.between(vertex.merged().getLast().start, at).toNanos() / 1e9
            : 0;
    int decimals = seconds < 10 ? 3 : seconds < 100 ? 2 : 1;
    return String.format(Locale.ROOT, "%." + decimals + "f ", seconds);
  }

  private static byte[] concat(byte[] a, byte[] b) {
    byte[] out = new byte[a.length + b.length];
    System.arraycopy(a, 0, out, 0, a.length);
    System.arraycopy(b, 0, out, a.length, b.length);
    return out;
  }

  /** After all else, what failed steps wrote last. */
  void printErrorLogs(PrintStream out) {
    for (Vertex vertex : shown) {
      if (vertex.error.isEmpty() || vertex.isCanceled()) {
        continue;
      }
      out.println("------");
      out.println(" > " + vertex.name + ":");
      for (byte[] line : vertex.lastLogs) {
        out.write(line, 0, line.length);
        out.println();
      }
      for (byte[] line : vertex.logs) {
        out.write(line, 0, line.length);
        out.println();
      }
      out.println("------");
    }
  }
}
