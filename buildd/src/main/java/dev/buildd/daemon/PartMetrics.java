package dev.buildd.daemon;

import dev.buildd.base.http.HttpTraffic;
import dev.buildd.cache.CacheManager;
import dev.buildd.daemon.build.Builds;
import dev.buildd.daemon.gc.Collector;
import dev.buildd.daemon.metrics.Metrics;
import dev.buildd.daemon.metrics.MetricsPage;
import dev.buildd.session.SessionManager;
import dev.buildd.snapshot.content.ContentStore;
import dev.buildd.snapshot.store.MetadataStore;
import dev.buildd.solver.graph.Solver;

/** What the daemon's parts know of themselves; nothing is measured or walked through for it. */
final class PartMetrics implements Metrics {
  private static final double MILLIS = 1e3;

  /** Of whom it tells. */
  record Parts(
      Builds builds,
      Solver solver,
      CacheManager cache,
      ContentStore content,
      Collector collector,
      MetadataStore store,
      SessionManager sessions) {}

  private final Parts parts;

  PartMetrics(Parts parts) {
    this.parts = parts;
  }

  @Override
  public void tell(MetricsPage page) {
    page.gauges("buildd_build_info", "What this daemon is.")
        .sample(
            1,
            "version",
            Version.BUILDD,
            "buildkit",
            Version.BUILDKIT,
            "java",
            Runtime.version().toString());
    page.gauges("buildd_builds_running", "Builds under way.").sample(parts.builds.running());
    page.gauges("buildd_steps_running", "Steps under way.").sample(parts.solver.runningCount());
    page.gauges("buildd_steps_queued", "Steps that wait for others, as max-parallelism says.")
        .sample(parts.solver.waitingCount());
    page.gauges("buildd_vertices_active", "Vertices that builds want at the moment.")
        .sample(parts.solver.activeCount());
    page.gauges("buildd_sessions_open", "Sessions of clients.").sample(parts.sessions.count());
    page.gauges("buildd_cache_bytes", "Files of the cache's records, as far as measured.")
        .sample(parts.cache.usage().knownTotal());
    page.gauges("buildd_content_bytes", "Blobs of images and archives of layers.")
        .sample(parts.content.bytes());
    page.gauges("buildd_disk_free_bytes", "Free space of the disk of the root.")
        .sample(parts.cache.usage().free());
    collector(page);
    store(page);
    page.counters("buildd_session_received_bytes_total", "Bytes that came over sessions.")
        .sample(parts.sessions.received());
    page.counters("buildd_session_sent_bytes_total", "Bytes that went over sessions.")
        .sample(parts.sessions.sent());
    page.counters(
            "buildd_http_received_bytes_total", "Bytes from registries and other web servers.")
        .sample(HttpTraffic.received());
    page.counters("buildd_http_sent_bytes_total", "Bytes to registries and other web servers.")
        .sample(HttpTraffic.sent());
  }

  private void collector(MetricsPage page) {
    Collector.Figures figures = parts.collector.figures();
    page.counters("buildd_gc_runs_total", "How often the collector applied the rules.")
        .sample(figures.runs());
    page.counters("buildd_gc_removed_records_total", "Records of the cache that it removed.")
        .sample(figures.records());
    page.counters("buildd_gc_removed_bytes_total", "Bytes that it removed.")
        .sample(figures.bytes());
    page.gauges("buildd_gc_last_run_time_seconds", "When it ran last, since the epoch; or 0.")
        .sample(figures.endedAt() / MILLIS);
  }

  private void store(MetricsPage page) {
    page.histograms("buildd_store_write_seconds", "Writes of the metadata store.")
        .sample(parts.store.writes());
    page.counters("buildd_store_written_bytes_total", "Bytes of records written.")
        .sample(parts.store.bytesWritten());
  }
}
