package dev.buildd.daemon.metrics;

import dev.buildd.base.metrics.Histogram;
import dev.buildd.daemon.build.BuildObserver;
import dev.buildd.daemon.build.BuildRequest;
import dev.buildd.daemon.build.StepCounts;
import dev.buildd.daemon.wire.WireErrors;
import dev.buildd.solver.graph.ProgressEvent;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

/** The builds that have ended, and their steps. Safe for use by many threads. */
public final class BuildMetrics implements BuildObserver, Metrics {
  private static final String SUCCESS = "success";
  private static final String FAILURE = "failure";

  private final LongAdder succeeded = new LongAdder();
  private final Map<String, LongAdder> failed = new ConcurrentHashMap<>(); // by code
  private final LongAdder completed = new LongAdder();
  private final LongAdder cached = new LongAdder();
  private final LongAdder total = new LongAdder();
  private final LongAdder warnings = new LongAdder();
  private final LongAdder stepCpu = new LongAdder(); // milliseconds
  private final Map<Outcome, LongAdder> steps = zeros(Outcome.values());
  private final Map<ProgressEvent.Reason.Kind, LongAdder> reasons =
      zeros(ProgressEvent.Reason.Kind.values());
  private final Map<String, Histogram> durations =
      Map.of(SUCCESS, buildDuration(), FAILURE, buildDuration());

  private static <K extends Enum<K>> Map<K, LongAdder> zeros(K[] keys) {
    Map<K, LongAdder> out = new HashMap<>();
    for (K key : keys) {
      out.put(key, new LongAdder());
    }
    return Map.copyOf(out);
  }

  private static Histogram buildDuration() {
    return new Histogram(0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600);
  }

  private static <K> void count(Map<K, LongAdder> counts, K key) {
    LongAdder count = counts.get(key);
    if (count != null) {
      count.increment();
    }
  }

  @Override
  public Watch begins(BuildRequest request, Instant at) {
    return new Counting(at);
  }

  private final class Counting implements StepWatch {
    private final Instant begun;

    Counting(Instant begun) {
      this.begun = begun;
    }

    @Override
    public void stepEnded(Step step) {
      count(steps, step.outcome());
    }

    @Override
    public void ended(Ending ending) {
      Optional<Throwable> failure = ending.failure();
      if (failure.isPresent()) {
        failed
            .computeIfAbsent(WireErrors.codeName(failure.get()), _ -> new LongAdder())
            .increment();
      } else {
        succeeded.increment();
      }
      Histogram duration = durations.get(failure.isPresent() ? FAILURE : SUCCESS);
      if (duration != null) {
        duration.record(Duration.between(begun, ending.at()));
      }
      StepCounts counts = StepCounts.of(ending.progress());
      completed.add(counts.completed());
      cached.add(counts.cached());
      total.add(counts.total());
      warnings.add(counts.warnings());
      for (ProgressEvent event : ending.progress()) {
        switch (event) {
          case ProgressEvent.Explained explained -> count(reasons, explained.reason().kind());
          case ProgressEvent.Used used ->
              used.usage().cpu().ifPresent(cpu -> stepCpu.add(cpu.toMillis()));
          default -> {}
        }
      }
    }
  }

  @Override
  public void tell(MetricsPage page) {
    page.counters("buildkit_builds_total", "Builds that have ended.")
        .sample(succeeded.sum(), "status", SUCCESS);
    new TreeMap<>(failed)
        .forEach((code, count) -> page.sample(count.sum(), "status", FAILURE, "error_code", code));
    page.counters("buildkit_builds_steps_total", "Vertices of builds that have ended.")
        .sample(completed.sum(), "kind", "completed")
        .sample(cached.sum(), "kind", "cached")
        .sample(total.sum(), "kind", "total")
        .sample(warnings.sum(), "kind", "warnings");
    page.histograms("buildkit_build_duration_seconds", "How long builds took.");
    new TreeMap<>(durations)
        .forEach((status, duration) -> page.sample(duration.snapshot(), "status", status));
    page.counters(
            "buildd_steps_cpu_seconds_total", "Processor time of the processes of steps that ran.")
        .sample(stepCpu.sum() / 1_000.0);
    page.counters("buildd_steps_total", "Steps that have ended, by what became of them.");
    new TreeMap<>(steps)
        .forEach((outcome, count) -> page.sample(count.sum(), "outcome", name(outcome)));
    page.counters(
        "buildd_cache_misses_total", "Steps that had to run, by why no recorded result would do.");
    new TreeMap<>(reasons)
        .forEach((kind, count) -> {
          if (kind != ProgressEvent.Reason.Kind.HIT) {
            page.sample(count.sum(), "reason", name(kind));
          }
        });
  }

  private static String name(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }
}
