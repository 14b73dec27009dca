package dev.buildd.daemon.metrics;

import dev.buildd.base.metrics.Histogram;
import java.util.Comparator;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** The calls of clients. Safe for use by many threads. */
public final class CallMetrics implements Metrics {
  private final Map<Kind, Histogram> ended = new ConcurrentHashMap<>();

  /**
   * What is told apart: few enough, as both are ours.
   *
   * @param method with its service
   * @param code of the status, as gRPC names it
   */
  private record Kind(String method, String code) {}

  /** Counts a call that took so many nanoseconds. */
  public void ended(String method, String code, long took) {
    ended
        .computeIfAbsent(
            new Kind(method, code),
            _ ->
                new Histogram(
                    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10))
        .record(took);
  }

  @Override
  public void tell(MetricsPage page) {
    page.histograms(
        "rpc_server_call_duration_seconds", "Calls of clients, by method and status; builds too.");
    ended.entrySet().stream()
        .sorted(
            Map.Entry.comparingByKey(Comparator.comparing(Kind::method).thenComparing(Kind::code)))
        .forEach(entry ->
            page.sample(
                entry.getValue().snapshot(),
                "rpc_system_name",
                "grpc",
                "rpc_method",
                entry.getKey().method(),
                "rpc_response_status_code",
                entry.getKey().code()));
  }
}
