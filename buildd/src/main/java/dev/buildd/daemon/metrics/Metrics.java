package dev.buildd.daemon.metrics;

/** Something that has figures to tell. Asked by many threads. */
@FunctionalInterface
public interface Metrics {
  /** Writes whole families of samples, those that are zero too, so that rates have a beginning. */
  void tell(MetricsPage page);
}
