package dev.buildd.daemon.history;

import dev.buildd.base.json.Json;
import dev.buildd.trace.Span;
import dev.buildd.trace.TraceContext;
import java.io.ByteArrayOutputStream;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The spans of a build in the form in which BuildKit keeps them: one object of JSON after the
 * other, each as OpenTelemetry's Go library prints a span.
 */
final class BuildTrace {
  static final String TYPE = "application/vnd.buildkit.otlp.json.v0";

  private static final Map<String, Object> NOTHING =
      Map.of("TraceID", "0".repeat(32), "SpanID", "0".repeat(16));
  private static final Map<String, Object> SCOPE =
      ordered("Name", "buildd", "Version", "", "SchemaURL", "");

  private BuildTrace() {}

  static byte[] of(List<Span> spans) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (Span span : spans) {
      out.writeBytes(Json.bytes(json(span)));
      out.write('\n');
    }
    return out.toByteArray();
  }

  private static Map<String, Object> json(Span span) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("Name", span.name());
    out.put("SpanContext", json(span.context(), false));
    out.put("Parent", span.parent().map(parent -> json(parent, span.remote())).orElse(NOTHING));
    out.put("SpanKind", 1 + span.kind().ordinal()); // as the library numbers them
    out.put("StartTime", span.begun().toString());
    out.put("EndTime", span.ended().toString());
    out.put(
        "Attributes",
        span.attributes().entrySet().stream()
            .map(entry ->
                ordered(
                    "Key",
                    entry.getKey(),
                    "Value",
                    ordered("Type", "STRING", "Value", entry.getValue())))
            .toList());
    out.put(
        "Status",
        ordered("Code", span.error().isEmpty() ? "Unset" : "Error", "Description", span.error()));
    out.put("Resource", List.of());
    out.put("InstrumentationScope", SCOPE);
    out.put("InstrumentationLibrary", SCOPE);
    return out;
  }

  private static Map<String, Object> json(TraceContext context, boolean remote) {
    return ordered(
        "TraceID",
        context.trace(),
        "SpanID",
        context.span(),
        "TraceFlags",
        context.sampled() ? "01" : "00",
        "TraceState",
        "",
        "Remote",
        remote);
  }

  private static Map<String, Object> ordered(Object... namesAndValues) {
    Map<String, Object> out = new LinkedHashMap<>();
    for (int i = 0; i < namesAndValues.length; i += 2) {
      out.put((String) namesAndValues[i], namesAndValues[i + 1]);
    }
    return out;
  }
}
