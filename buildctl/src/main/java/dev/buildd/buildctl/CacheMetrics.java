package dev.buildd.buildctl;

import dev.buildd.base.json.Json;
import dev.buildd.client.SolveStatus;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * Counts which steps of a build were cached, for {@code --debug-json-cache-metrics}. Safe for use
 * by many threads.
 */
final class CacheMetrics {
  private static final Pattern FROM = Pattern.compile("\\[.*\\] FROM");
  private static final List<String> INTERNAL =
      List.of("[internal]", "[auth]", "importing cache", "exporting ");

  private static final class Vertex {
    final String name;
    boolean from;
    boolean cached;
    boolean completed;

    Vertex(String name) {
      this.name = name;
    }

    boolean isInternal() {
      return INTERNAL.stream().anyMatch(name::startsWith);
    }
  }

  private final Map<String, Vertex> vertices = new LinkedHashMap<>(); // guarded by this

  synchronized void accept(SolveStatus status) {
    for (SolveStatus.Vertex told : status.vertexes()) {
      Vertex vertex = vertices.computeIfAbsent(told.digest(), _ -> new Vertex(told.name()));
      vertex.from |= FROM.matcher(told.name()).lookingAt();
      vertex.cached |= told.cached();
      vertex.completed |= told.completed().isPresent();
    }
  }

  /** A line for each step that was not cached, and one of JSON with all counts. */
  synchronized void print(PrintStream out, Duration taken) {
    Map<String, Object> counts = new LinkedHashMap<>();
    for (String name :
        List.of(
            "total",
            "completed",
            "user_total",
            "user_cached",
            "user_completed",
            "user_cacheable",
            "from",
            "miss")) {
      counts.put(name, 0L);
    }
    for (Vertex vertex : vertices.values()) {
      count(counts, "total", true);
      count(counts, "completed", vertex.completed);
      if (vertex.isInternal()) {
        continue;
      }
      boolean missed = !vertex.cached && !vertex.from;
      count(counts, "user_total", true);
      count(counts, "user_cached", vertex.cached);
      count(counts, "user_completed", vertex.completed);
      count(counts, "user_cacheable", !vertex.from);
      count(counts, "from", vertex.from);
      count(counts, "miss", missed);
      if (missed) {
        out.println("cache miss: " + vertex.name);
      }
    }
    counts.put("client_duration_ms", taken.toMillis());
    out.println(new String(Json.bytes(counts), StandardCharsets.UTF_8));
    out.flush();
  }

  private static void count(Map<String, Object> counts, String name, boolean counted) {
    if (counted) {
      counts.merge(name, 1L, (a, b) -> (long) a + (long) b);
    }
  }
}
