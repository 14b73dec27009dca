package dev.buildd.trace.otlp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.error.BuildException;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What OpenTelemetry's variables mean. */
final class OtlpSettingsTest {
  private static Optional<OtlpSettings> of(String... namesAndValues) {
    Map<String, String> environment = new HashMap<>();
    for (int i = 0; i < namesAndValues.length; i += 2) {
      environment.put(namesAndValues[i], namesAndValues[i + 1]);
    }
    return OtlpSettings.of(OtlpSettings.Signal.TRACES, environment, "buildd");
  }

  private static String endpoint(String... namesAndValues) {
    return of(namesAndValues).orElseThrow().toString();
  }

  @Test
  void nothingGoesAnywhereUnlessAskedFor() {
    assertThat(of()).isEmpty();
    assertThat(of("OTEL_EXPORTER_OTLP_ENDPOINT", " ")).isEmpty();
    assertThat(of("OTEL_SERVICE_NAME", "s", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")).isEmpty();
    assertThat(of("OTEL_TRACES_EXPORTER", "none", "OTEL_EXPORTER_OTLP_ENDPOINT", "http://a"))
        .isEmpty();
    assertThat(of("OTEL_SDK_DISABLED", "TRUE", "OTEL_EXPORTER_OTLP_ENDPOINT", "http://a"))
        .isEmpty();
  }

  @Test
  void whoAsksForJaegersOwnProtocolIsToldWhatToAskFor() {
    assertThat(OtlpSettings.unheeded(Map.of("JAEGER_TRACE", "0.0.0.0:6831")))
        .hasValueSatisfying(text ->
            assertThat(text).contains("JAEGER_TRACE", "OTEL_EXPORTER_OTLP_ENDPOINT=http://"));
    assertThat(OtlpSettings.unheeded(Map.of("JAEGER_TRACE", ""))).isEmpty();
    assertThat(
            OtlpSettings.unheeded(
                Map.of("JAEGER_TRACE", "a:1", "OTEL_EXPORTER_OTLP_ENDPOINT", "http://a")))
        .as("both programs of an earlier setup")
        .isEmpty();
  }

  @Test
  void figuresHaveVariablesOfTheirOwn() {
    Map<String, String> environment = new HashMap<>();
    environment.put("OTEL_TRACES_EXPORTER", "none");
    environment.put("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c");
    environment.put("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf");
    assertThat(OtlpSettings.of(OtlpSettings.Signal.METRICS, environment, "buildd").orElseThrow())
        .hasToString("http http://c/v1/metrics");
    assertThat(OtlpSettings.metricsInterval(environment)).isEqualTo(Duration.ofMinutes(1));
    environment.put("OTEL_METRIC_EXPORT_INTERVAL", "250");
    assertThat(OtlpSettings.metricsInterval(environment)).isEqualTo(Duration.ofMillis(250));
    environment.put("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta");
    assertThatThrownBy(() -> OtlpSettings.metricsInterval(environment))
        .isInstanceOf(BuildException.class)
        .hasMessageContaining("TEMPORALITY_PREFERENCE is cumulative, not delta");
    environment.put("OTEL_METRICS_EXPORTER", "prometheus");
    assertThatThrownBy(() -> OtlpSettings.of(OtlpSettings.Signal.METRICS, environment, "buildd"))
        .hasMessageContaining("OTEL_METRICS_EXPORTER is otlp or none, not prometheus");
  }

  @Test
  void endpoints() {
    assertThat(endpoint("OTEL_TRACES_EXPORTER", "otlp")).isEqualTo("grpc http://localhost:4317");
    assertThat(
            endpoint(
                "OTEL_TRACES_EXPORTER", "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"))
        .isEqualTo("http http://localhost:4318/v1/traces");
    assertThat(
            endpoint(
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                "https://c/base/",
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
                "http/protobuf"))
        .isEqualTo("http https://c/base/v1/traces");
    assertThat(
            endpoint(
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                "http://t/as-it-is",
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                "http://other",
                "OTEL_EXPORTER_OTLP_PROTOCOL",
                "http/protobuf"))
        .isEqualTo("http http://t/as-it-is");
    assertThat(endpoint("OTEL_EXPORTER_OTLP_ENDPOINT", "c:4317")).isEqualTo("grpc https://c:4317");
    assertThat(
            endpoint(
                "OTEL_EXPORTER_OTLP_ENDPOINT", "c:4317", "OTEL_EXPORTER_OTLP_INSECURE", "true"))
        .isEqualTo("grpc http://c:4317");
  }

  @Test
  void whatIsSaidAlong() {
    OtlpSettings settings =
        of(
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                "http://c",
                "OTEL_EXPORTER_OTLP_HEADERS",
                "Authorization=Basic%20a+b=, x-y = z",
                "OTEL_EXPORTER_OTLP_TIMEOUT",
                "250",
                "OTEL_RESOURCE_ATTRIBUTES",
                "service.name=given,k=v")
            .orElseThrow();
    assertThat(settings.headers()).isEqualTo(Map.of("authorization", "Basic a+b=", "x-y", "z"));
    assertThat(settings.patience()).isEqualTo(Duration.ofMillis(250));
    assertThat(settings.resource()).isEqualTo(Map.of("service.name", "given", "k", "v"));
    assertThat(of("OTEL_TRACES_EXPORTER", "otlp").orElseThrow().resource())
        .isEqualTo(Map.of("service.name", "buildd"));
  }

  @Test
  void whatCannotBeUsedIsToldAndNoSecretIs() {
    refused("OTEL_TRACES_EXPORTER", "jaeger", "OTEL_TRACES_EXPORTER is otlp or none, not jaeger");
    refused("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "is grpc or http/protobuf, not http/json");
    refused("OTEL_EXPORTER_OTLP_ENDPOINT", "unix:///x", "http:// or https://, not unix:///x");
    refused("OTEL_EXPORTER_OTLP_TIMEOUT", "0", "above 0, not 0");
    refused("OTEL_EXPORTER_OTLP_HEADERS", "secret", "OTEL_EXPORTER_OTLP_HEADERS consists of");
    refused("OTEL_EXPORTER_OTLP_HEADERS", "a=secret%zz", "wrong %");
  }

  private static void refused(String name, String value, String message) {
    assertThatThrownBy(() ->
            of(
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                "",
                "OTEL_TRACES_EXPORTER",
                name.equals("OTEL_TRACES_EXPORTER") ? value : "otlp",
                name,
                value))
        .isInstanceOf(BuildException.class)
        .hasMessageContaining(message)
        .hasMessageNotContaining("secret");
  }
}
