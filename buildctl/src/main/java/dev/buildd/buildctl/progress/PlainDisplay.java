package dev.buildd.buildctl.progress;

import dev.buildd.buildctl.format.Units;
import dev.buildd.client.SolveStatus;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Prints progress line by line, each with the number of its step. Steps that run side by side take
 * turns: one is shown for some seconds, or until it is done, before another that is busier.
 */
final class PlainDisplay implements Display {
  private static final double ANTI_FLICKER_SECONDS = 5;
  private static final double MAX_DELAY_SECONDS = 10;
  private static final double MIN_PROGRESS = 0.05;
  private static final Duration MIN_INTERVAL = Duration.ofSeconds(5);
  private static final int NAME_LENGTH = 72;

  private record Last(long current, Instant timestamp) {}

  private record Share(double seconds, double speed, boolean overLimit) {}

  private final Trace trace = new Trace();
  private final PrintStream out;
  private final Settings settings;
  private final Map<String, Last> last = new HashMap<>();
  private Trace.@Nullable Vertex current;
  private boolean notFirst;
  private int nextIndex;
  private long lastFrame;

  PlainDisplay(PrintStream out, Settings settings) {
    this.out = out;
    this.settings = settings;
  }

  @Override
  public void update(SolveStatus status) {
    trace.update(status);
    long now = System.nanoTime();
    if (lastFrame != 0 && now - lastFrame < settings.frameMillis() * 1_000_000L) {
      return;
    }
    lastFrame = now;
    refresh();
  }

  @Override
  public void refresh() {
    print();
    out.flush();
  }

  @Override
  public void done() {
    refresh();
    trace.printErrorLogs(out);
    out.flush();
  }

  private void print() {
    List<Trace.Vertex> completed = new ArrayList<>();
    List<Trace.Vertex> rest = new ArrayList<>();
    for (Trace.Vertex vertex : trace.updates) {
      if (!vertex.hidden) {
        (vertex.isCompleted() ? completed : rest).add(vertex);
      }
    }
    Trace.Vertex active = current;
    boolean activeCompleted = active != null && completed.contains(active);
    if (active != null && activeCompleted) {
      print(active);
    }
    completed.stream()
        .filter(vertex -> vertex != active)
        .sorted(Comparator.comparing(v -> v.completedAt().orElse(Instant.MAX)))
        .forEach(this::print);
    if (rest.isEmpty()) {
      if (active != null && active.isStarted() && !active.isCompleted()) {
        return;
      }
      trace.all().stream()
          .filter(v -> v.isStarted() && !v.isCompleted() && !v.hidden)
          .findFirst()
          .ifPresent(this::print);
      return;
    }
    if (active != null && rest.contains(active)) {
      print(active);
    }
    if (active != null && !rest.contains(active)) {
      rest.add(active);
    }
    takeTurns(rest, active, activeCompleted);
  }

  private void takeTurns(
      List<Trace.Vertex> rest, Trace.@Nullable Vertex active, boolean activeCompleted) {
    Map<Trace.Vertex, Share> shares = new HashMap<>();
    double sum = 0;
    Trace.Vertex busiest = null;
    double most = -1;
    for (Trace.Vertex vertex : rest) {
      if (vertex.lastBlock == null) {
        continue;
      }
      double seconds = Duration.between(vertex.lastBlock, Instant.now()).toNanos() / 1e9;
      double speed = vertex.count / Math.max(seconds, 1e-9);
      boolean over = seconds > MAX_DELAY_SECONDS && vertex != active;
      shares.put(vertex, new Share(seconds, speed, over));
      sum += speed;
      if (over || speed > most) {
        busiest = vertex;
        most = speed;
      }
    }
    if (busiest == null) {
      return;
    }
    if (active == null || activeCompleted) {
      print(busiest);
      return;
    }
    for (Trace.Vertex vertex : rest) {
      Share share = shares.get(vertex);
      if (share != null && share.overLimit) {
        print(vertex);
        return;
      }
    }
    Share own = shares.get(active);
    if (own != null && 1.0 / (1.0 - own.speed / sum) * ANTI_FLICKER_SECONDS < own.seconds) {
      print(busiest);
    }
  }

  private void print(Trace.Vertex v) {
    if (v.index == 0) {
      v.index = ++nextIndex;
    }
    Trace.Vertex before = current;
    if (v != before) {
      if (before != null) {
        if (before.logsPartial) {
          out.println();
        }
        before.logsOffset = 0;
        before.count = 0;
        out.println("#" + before.index + " ...");
      }
      if (notFirst) {
        out.println();
      }
      notFirst = true;
      out.println("#" + v.index + " " + name(v));
    }
    boolean open = printStatuses(v);
    while (v.warningsShown < v.warnings.size()) {
      out.println(
          "#" + v.index + " WARN: " + v.warnings.get(v.warningsShown++).message().toStringUtf8());
    }
    printLogs(v);
    current = v;
    if (v.isCompleted() && !open) {
      finish(v);
    }
    trace.updates.remove(v);
  }

  private String name(Trace.Vertex v) {
    return settings.truncateNames() && v.name.length() > NAME_LENGTH
        ? v.name.substring(0, NAME_LENGTH) + "..."
        : v.name;
  }

  private boolean printStatuses(Trace.Vertex v) {
    boolean open = false;
    for (String id : v.changedStatuses) {
      SolveStatus.Status s = v.statuses.get(id);
      if (s == null || s.started().isEmpty()) {
        continue;
      }
      Last known = last.get(id);
      if (known != null && s.completed().isEmpty()) {
        double progress = s.total() > 0 ? (double) (s.current() - known.current) / s.total() : 0;
        if (progress < MIN_PROGRESS
            && Duration.between(known.timestamp, s.timestamp()).compareTo(MIN_INTERVAL) < 0) {
          continue;
        }
      }
      last.put(id, new Last(s.current(), s.timestamp()));
      StringBuilder line = new StringBuilder("#").append(v.index).append(' ').append(id);
      line.append(size(s));
      double seconds =
          Duration.between(s.started().get(), s.completed().orElse(s.timestamp())).toNanos() / 1e9;
      if (seconds > 0.01) {
        line.append(String.format(Locale.ROOT, " %.1fs", seconds));
      }
      if (s.completed().isPresent()) {
        line.append(" done");
      } else {
        open = true;
      }
      out.println(line);
    }
    v.changedStatuses.clear();
    return open;
  }

  static String size(SolveStatus.Status s) {
    if (s.total() != 0) {
      return " " + Units.bytes(s.current()) + " / " + Units.bytes(s.total());
    }
    return s.current() != 0 ? " " + Units.bytes(s.current()) : "";
  }

  private void printLogs(Trace.Vertex v) {
    for (int i = 0; i < v.logs.size(); i++) {
      byte[] line = v.logs.get(i);
      int from = i == 0 ? v.logsOffset : 0;
      if (from == 0) {
        byte[] prefix = ("#" + v.index + " ").getBytes(StandardCharsets.UTF_8);
        out.write(prefix, 0, prefix.length);
      }
      out.write(line, from, line.length - from);
      if (i != v.logs.size() - 1 || !v.logsPartial) {
        out.println();
        v.keep(line);
      }
    }
    if (v.logs.isEmpty()) {
      return;
    }
    if (v.logsPartial) {
      byte[] open = v.logs.getLast();
      v.logs = new ArrayList<>(List.of(open));
      v.logsOffset = open.length;
    } else {
      v.logs = new ArrayList<>();
      v.logsOffset = 0;
    }
  }

  private void finish(Trace.Vertex v) {
    current = null;
    v.count = 0;
    if (v.logsPartial) {
      out.println();
      v.logsPartial = false;
      v.logsOffset = 0;
      v.logs.forEach(v::keep);
      v.logs = new ArrayList<>();
    }
    if (!v.error.isEmpty()) {
      out.println("#" + v.index + (v.isCanceled() ? " CANCELED" : " ERROR: " + v.error));
    } else if (v.cached) {
      out.println("#" + v.index + " CACHED");
    } else {
      out.println("#" + v.index + String.format(Locale.ROOT, " DONE %.1fs", v.seconds()));
    }
  }
}
