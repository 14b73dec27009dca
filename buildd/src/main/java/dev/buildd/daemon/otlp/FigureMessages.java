package dev.buildd.daemon.otlp;

import dev.buildd.base.metrics.Histogram;
import dev.buildd.daemon.metrics.MetricsPage;
import dev.buildd.proto.otlp.common.AnyValue;
import dev.buildd.proto.otlp.common.KeyValue;
import dev.buildd.proto.otlp.metrics.AggregationTemporality;
import dev.buildd.proto.otlp.metrics.Gauge;
import dev.buildd.proto.otlp.metrics.HistogramDataPoint;
import dev.buildd.proto.otlp.metrics.Metric;
import dev.buildd.proto.otlp.metrics.NumberDataPoint;
import dev.buildd.proto.otlp.metrics.ResourceMetrics;
import dev.buildd.proto.otlp.metrics.ScopeMetrics;
import dev.buildd.proto.otlp.metrics.Sum;
import dev.buildd.proto.otlp.metrics.Summary;
import dev.buildd.proto.otlp.metrics.SummaryDataPoint;
import dev.buildd.trace.otlp.OtlpMessages;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Figures as messages of OpenTelemetry's protocol: under the names that Prometheus finds them by,
 * sums from the daemon's start.
 */
final class FigureMessages {
  private final long begun;
  private final long now;

  private FigureMessages(long begun, long now) {
    this.begun = begun;
    this.now = now;
  }

  /**
   * The message for the figures of this process.
   *
   * @param resource what is said of it
   * @param begun when sums were zero, in nanoseconds since the epoch
   * @param now when the figures were taken, likewise
   */
  static ResourceMetrics of(Map<String, String> resource, MetricsPage page, long begun, long now) {
    FigureMessages messages = new FigureMessages(begun, now);
    ScopeMetrics.Builder scope = ScopeMetrics.newBuilder().setScope(OtlpMessages.SCOPE);
    for (MetricsPage.Family family : page.families()) {
      if (!family.samples().isEmpty()) {
        scope.addMetrics(messages.metric(family));
      }
    }
    return ResourceMetrics.newBuilder()
        .setResource(OtlpMessages.resource(resource))
        .addScopeMetrics(scope)
        .build();
  }

  private Metric metric(MetricsPage.Family family) {
    Metric.Builder out =
        Metric.newBuilder()
            .setName(family.name())
            .setDescription(family.help())
            .setUnit(unit(family.name()));
    List<MetricsPage.Sample> samples = family.samples();
    switch (family.kind()) {
      case COUNTER ->
          out.setSum(
              Sum.newBuilder()
                  .setIsMonotonic(true)
                  .setAggregationTemporality(
                      AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE)
                  .addAllDataPoints(
                      samples.stream()
                          .map(s -> number(s).setStartTimeUnixNano(begun).build())
                          .toList()));
      case GAUGE ->
          out.setGauge(
              Gauge.newBuilder()
                  .addAllDataPoints(samples.stream().map(s -> number(s).build()).toList()));
      case HISTOGRAM ->
          out.setHistogram(
              dev.buildd.proto.otlp.metrics.Histogram.newBuilder()
                  .setAggregationTemporality(
                      AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE)
                  .addAllDataPoints(samples.stream().map(this::histogram).toList()));
      case SUMMARY ->
          out.setSummary(
              Summary.newBuilder().addAllDataPoints(samples.stream().map(this::summary).toList()));
    }
    return out.build();
  }

  /** In the notation of UCUM, which the names of Prometheus spell out. */
  private static String unit(String name) {
    String measured = name.endsWith("_total") ? name.substring(0, name.lastIndexOf('_')) : name;
    if (measured.endsWith("_seconds")) {
      return "s";
    }
    return measured.endsWith("_bytes") ? "By" : "";
  }

  private NumberDataPoint.Builder number(MetricsPage.Sample sample) {
    NumberDataPoint.Builder out =
        NumberDataPoint.newBuilder()
            .setTimeUnixNano(now)
            .addAllAttributes(attributes(sample.labels()));
    return switch (sample) {
      case MetricsPage.Whole whole -> out.setAsInt(whole.value());
      case MetricsPage.Real real -> out.setAsDouble(real.value());
      case MetricsPage.Buckets buckets -> throw new IllegalStateException("no number: " + buckets);
      case MetricsPage.Total total -> throw new IllegalStateException("no number: " + total);
    };
  }

  private HistogramDataPoint histogram(MetricsPage.Sample sample) {
    if (!(sample instanceof MetricsPage.Buckets buckets)) {
      throw new IllegalStateException("no histogram: " + sample);
    }
    Histogram.Snapshot value = buckets.value();
    List<Long> counts = new ArrayList<>(); // of each bucket alone
    long below = 0;
    for (long cumulative : value.cumulative()) {
      counts.add(cumulative - below);
      below = cumulative;
    }
    return HistogramDataPoint.newBuilder()
        .setStartTimeUnixNano(begun)
        .setTimeUnixNano(now)
        .addAllAttributes(attributes(sample.labels()))
        .setCount(value.count())
        .setSum(value.sum())
        .addAllBucketCounts(counts)
        .addAllExplicitBounds(value.bounds())
        .build();
  }

  private SummaryDataPoint summary(MetricsPage.Sample sample) {
    if (!(sample instanceof MetricsPage.Total total)) {
      throw new IllegalStateException("no summary: " + sample);
    }
    return SummaryDataPoint.newBuilder()
        .setStartTimeUnixNano(begun)
        .setTimeUnixNano(now)
        .addAllAttributes(attributes(sample.labels()))
        .setCount(total.count())
        .setSum(total.sum())
        .build();
  }

  private static List<KeyValue> attributes(List<String> labels) {
    List<KeyValue> out = new ArrayList<>();
    for (int i = 0; i < labels.size(); i += 2) {
      out.add(
          KeyValue.newBuilder()
              .setKey(labels.get(i))
              .setValue(AnyValue.newBuilder().setStringValue(labels.get(i + 1)))
              .build());
    }
    return out;
  }
}
