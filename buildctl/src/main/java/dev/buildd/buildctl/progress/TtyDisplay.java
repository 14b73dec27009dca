package dev.buildd.buildctl.progress;

import dev.buildd.client.SolveStatus;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Redraws a list of steps in place, with the last lines that running ones wrote. */
final class TtyDisplay implements Display {
  private static final String FAINT = "\u001b[2m";
  private static final String RESET = "\u001b[0m";

  /** A line of the list. */
  private record Line(
      String name,
      String status,
      double seconds,
      @Nullable String color,
      Trace.@Nullable Vertex logs) {}

  private final Trace trace = new Trace();
  private final PrintStream out;
  private final Terminal terminal;
  private final Settings settings;
  private int lineCount;
  private boolean repeated;
  private long lastFrame;

  TtyDisplay(PrintStream out, Terminal terminal, Settings settings) {
    this.out = out;
    this.settings = settings;
    this.terminal = terminal;
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
    draw(false);
  }

  @Override
  public void done() {
    draw(true);
    trace.printErrorLogs(out);
    out.flush();
  }

  private void draw(boolean all) {
    int width = terminal.width();
    int height = terminal.height();
    List<Line> lines = lines();
    if (!all && lines.size() > height - 2) {
      lines = lines.subList(Math.max(0, lines.size() - (height - 2)), lines.size());
    }
    StringBuilder frame = new StringBuilder();
    frame.repeat("\u001b[1A", lineCount + (repeated ? 1 : 0)).append("\u001b[0G\u001b[?25l");
    repeated = true;
    long completed = trace.all().stream().filter(v -> !v.hidden && v.isCompleted()).count();
    long total = trace.all().stream().filter(v -> !v.hidden).count();
    String finished = all && completed > 0 && completed == total ? "FINISHED" : "";
    double seconds =
        trace.startTime == null
            ? 0
            : Duration.between(trace.startTime.plus(skew()), Instant.now()).toNanos() / 1e9;
    frame
        .append(
            align(
                String.format(
                    Locale.ROOT,
                    "[+] Building %.1fs (%d/%d) %s",
                    seconds,
                    completed,
                    total,
                    finished),
                "",
                width))
        .append('\n');
    int count = 0;
    int free = height - 2 - lines.size();
    for (Line line : lines) {
      String timer = String.format(Locale.ROOT, " %3.1fs", line.seconds < 0.05 ? 0 : line.seconds);
      int left = width - 4 - timer.length() - 2;
      boolean showStatus = !line.status.isEmpty() && left + line.status.length() > 20;
      left -= showStatus ? line.status.length() + 1 : 0;
      if (left < 12) {
        continue;
      }
      String name = line.name.length() > left ? line.name.substring(0, left) : line.name;
      String text = align(" => " + name + (showStatus ? " " + line.status : ""), timer, width);
      frame.append(paint(text, line.color)).append('\n');
      count++;
      if (!all && line.logs != null && free > settings.logLines() + 3) {
        free -= settings.logLines();
        count += logs(line.logs, width, frame);
      }
    }
    int stale = lineCount - count;
    if (stale > 0) {
      frame.repeat(" ".repeat(width) + "\n", stale).repeat("\u001b[1A", stale).append("\u001b[0G");
    }
    lineCount = count;
    out.print(frame.append("\u001b[?25h"));
    out.flush();
  }

  private Duration skew() {
    return trace.clockSkew == null ? Duration.ZERO : trace.clockSkew;
  }

  private int logs(Trace.Vertex vertex, int width, StringBuilder frame) {
    List<byte[]> lines = vertex.logs;
    int count = 0;
    for (byte[] line :
        lines.subList(Math.max(0, lines.size() - settings.logLines()), lines.size())) {
      String text =
          new String(line, StandardCharsets.UTF_8)
              .replaceAll("\u001b\\[[0-9;]*[A-Za-z]|[\\r\\t]", " ");
      String shown = align(" => => # " + text, "", width);
      frame.append(paint(shown.substring(0, Math.min(width, shown.length())), FAINT)).append('\n');
      count++;
    }
    return count;
  }

  private @Nullable String color(String use) {
    return settings.colors().get(use);
  }

  private String paint(String text, @Nullable String color) {
    return color == null ? text : color + text + RESET;
  }

  private List<Line> lines() {
    List<Line> out = new ArrayList<>();
    for (Trace.Vertex vertex : trace.shown) {
      boolean completed = vertex.isCompleted();
      String name = vertex.name.replace('\t', ' ');
      String color = completed ? color("run") : null;
      if (!vertex.error.isEmpty()) {
        name = (vertex.isCanceled() ? "CANCELED " : "ERROR ") + name;
        color = color(vertex.isCanceled() ? "cancel" : "error");
      }
      if (vertex.cached) {
        name = "CACHED " + name;
      }
      boolean busy = !completed && !vertex.logs.isEmpty();
      out.add(new Line(name, "", seconds(vertex), color, busy ? vertex : null));
      for (SolveStatus.Status status : vertex.statuses.values()) {
        if (status.started().isEmpty()) {
          continue;
        }
        Instant end = status.completed().orElseGet(() -> Instant.now().minus(skew()));
        out.add(
            new Line(
                "=> " + status.id(),
                PlainDisplay.size(status).strip(),
                Duration.between(status.started().get(), end).toNanos() / 1e9,
                status.completed().isPresent() ? color("run") : null,
                null));
      }
      for (SolveStatus.Warning warning : vertex.warnings) {
        out.add(
            new Line(
                "WARN: " + warning.message().toStringUtf8(),
                "",
                seconds(vertex),
                color("cancel"),
                null));
      }
    }
    return out;
  }

  private double seconds(Trace.Vertex vertex) {
    double sum = 0;
    for (Trace.Interval interval : vertex.merged()) {
      Instant stop = interval.stop() == null ? Instant.now().minus(skew()) : interval.stop();
      sum += Duration.between(interval.start(), stop).toNanos() / 1e9;
    }
    return sum;
  }

  private static String align(String left, String right, int width) {
    int space = Math.max(0, width - left.length() - right.length());
    return left + " ".repeat(space) + right;
  }
}
