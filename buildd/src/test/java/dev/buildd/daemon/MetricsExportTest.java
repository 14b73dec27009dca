package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.client.BuildClient;
import dev.buildd.llb.Llb;
import dev.buildd.proto.otlp.metrics.AggregationTemporality;
import dev.buildd.proto.otlp.metrics.HistogramDataPoint;
import dev.buildd.proto.otlp.metrics.NumberDataPoint;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a collector gets of the figures that Prometheus is told. */
@Tag("root")
@Timeout(60)
final class MetricsExportTest {
  @TempDir Path directory;

  private Machine machine(Map<String, String> environment) throws Exception {
    Machine.busybox(directory);
    return new Machine(directory, List.of(), environment);
  }

  private void build(Machine machine, String name) throws Exception {
    try (BuildClient client = machine.client()) {
      machine.build(
          client,
          Llb.scratch().file(Llb.mkfile("/f", 0644, name)),
          directory.resolve("out-" + name));
    }
  }

  private static long built(TraceReceiver.Figures figures) {
    return figures.number("buildkit_builds_total", "status", "success").getAsInt();
  }

  @ParameterizedTest
  @ValueSource(strings = {"grpc", "http/protobuf"})
  void figuresReachACollector(String protocol) throws Exception {
    long begun = System.currentTimeMillis();
    try (TraceReceiver receiver = new TraceReceiver()) {
      Map<String, String> environment = new HashMap<>();
      environment.put("OTEL_METRICS_EXPORTER", "otlp");
      environment.put("OTEL_TRACES_EXPORTER", "none");
      environment.put(
          "OTEL_EXPORTER_OTLP_ENDPOINT",
          protocol.equals("grpc") ? receiver.grpcEndpoint() : receiver.httpEndpoint());
      environment.put("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", protocol);
      environment.put("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%20secret");
      environment.put("OTEL_METRIC_EXPORT_INTERVAL", "300");
      environment.put("OTEL_SERVICE_NAME", "builder-7");
      try (Machine machine = machine(environment)) {
        TraceReceiver.Figures first = receiver.awaitFigures();
        assertThat(first.header()).isEqualTo("a secret");
        assertThat(first.resource()).containsEntry("service.name", "builder-7");
        assertThat(built(first)).isZero();
        build(machine, "one");
        TraceReceiver.Figures figures = receiver.awaitFigures();
        while (built(figures) == 0) {
          figures = receiver.awaitFigures();
        }
        assertThat(built(figures)).isEqualTo(1);
        isAsPrometheusIsTold(figures, MetricsText.parse(machine.debugPage("/metrics")));
        NumberDataPoint builds = figures.number("buildkit_builds_total", "status", "success");
        assertThat(TimeUnit.NANOSECONDS.toMillis(builds.getStartTimeUnixNano()))
            .isBetween(begun - 1_000, TimeUnit.NANOSECONDS.toMillis(builds.getTimeUnixNano()));
      }
    }
  }

  private static void isAsPrometheusIsTold(TraceReceiver.Figures figures, MetricsText text) {
    assertThat(figures.metric("buildkit_builds_total"))
        .satisfies(metric -> {
          assertThat(metric.getDescription()).isEqualTo("Builds that have ended.");
          assertThat(metric.getSum().getIsMonotonic()).isTrue();
          assertThat(metric.getSum().getAggregationTemporality())
              .isEqualTo(AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE);
        });
    assertThat(figures.metric("jvm_memory_used_bytes").getUnit()).isEqualTo("By");
    assertThat(figures.number("jvm_memory_used_bytes", "area", "heap").getAsInt()).isPositive();
    assertThat(figures.metric("process_cpu_seconds_total").getUnit()).isEqualTo("s");
    assertThat(figures.number("process_cpu_seconds_total").getAsDouble())
        .isBetween(0.01, text.value("process_cpu_seconds_total"));
    HistogramDataPoint took =
        figures
            .metric("buildkit_build_duration_seconds")
            .getHistogram()
            .getDataPointsList()
            .stream()
            .filter(point -> point.getAttributes(0).getValue().getStringValue().equals("success"))
            .findFirst()
            .orElseThrow();
    assertThat(took.getCount()).isEqualTo(1);
    assertThat(took.getBucketCountsList()).hasSize(took.getExplicitBoundsCount() + 1);
    assertThat(took.getBucketCountsList().stream().mapToLong(n -> n).sum()).isEqualTo(1);
    assertThat(took.getSum())
        .isEqualTo(text.value("buildkit_build_duration_seconds_sum{status=success}"));
    assertThat(figures.metric("jvm_gc_collection_seconds").getSummary().getDataPointsList())
        .isNotEmpty();
  }

  @Test
  void theLastOnesAreSentAtTheEnd() throws Exception {
    try (TraceReceiver receiver = new TraceReceiver();
        Machine machine =
            machine(Map.of("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", receiver.grpcEndpoint()))) {
      build(machine, "one");
      build(machine, "two");
      assertThat(receiver.lastFigures()).as("a minute has not passed").isEmpty();
      assertThat(machine.stop()).isZero();
      assertThat(built(receiver.awaitFigures())).isEqualTo(2);
    }
  }

  @Test
  void aCollectorThatIsNotThereIsToldOfOnce() throws Exception {
    try (Machine machine =
        machine(
            Map.of(
                "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
                "http://127.0.0.1:1",
                "OTEL_METRIC_EXPORT_INTERVAL",
                "50"))) {
      machine.awaitLog("metrics do not reach their collector");
      build(machine, "one");
      Thread.sleep(300);
      assertThat(machine.log().split("metrics do not reach their collector", -1)).hasSize(2);
    }
  }

  @Test
  void whatCannotBeUsedIsNamed() {
    assertThatThrownBy(() ->
            machine(Map.of("OTEL_METRICS_EXPORTER", "otlp", "OTEL_METRIC_EXPORT_INTERVAL", "soon")))
        .hasMessageContaining(
            "OTEL_METRIC_EXPORT_INTERVAL is a number of milliseconds above 0, not soon");
  }
}
