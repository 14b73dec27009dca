package dev.buildd.daemon.history;

import dev.buildd.base.content.Digest;
import dev.buildd.base.json.Json;
import dev.buildd.solver.graph.ProgressEvent;
import dev.buildd.solver.source.RedactedUrl;
import java.io.ByteArrayOutputStream;
import java.time.Instant;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The spans of a build in the form in which BuildKit keeps them: one object of JSON after the
 * other, each as OpenTelemetry's Go library prints a span.
 *
 * <p>The build is the root; below it are steps, and below these the parts of their work.
 */
final class BuildTrace {
  static final String TYPE = "application/vnd.buildkit.otlp.json.v0";

  private static final Map<String, Object> NOTHING =
      Map.of("TraceID", "0".repeat(32), "SpanID", "0".repeat(16));
  private static final Map<String, Object> SCOPE =
      ordered("Name", "buildd", "Version", "", "SchemaURL", "");

  private final String trace;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private long spans;

  private BuildTrace(String ref) {
    trace = Digest.of(ref).hex().substring(0, 32);
  }

  /**
   * Spans of what ended.
   *
   * @param error empty unless the build failed
   */
  static byte[] of(
      String ref, Instant begun, Instant ended, List<ProgressEvent> progress, String error) {
    BuildTrace trace = new BuildTrace(ref);
    Map<String, Object> root =
        trace.span("build", NOTHING, begun, ended, Map.of("ref", ref), error);
    Map<Digest, ProgressEvent.VertexState> steps = new LinkedHashMap<>();
    Map<String, ProgressEvent.Status> parts = new LinkedHashMap<>();
    for (ProgressEvent event : progress) {
      if (event instanceof ProgressEvent.VertexState step) {
        steps.put(step.vertex(), step);
      } else if (event instanceof ProgressEvent.Status part) {
        parts.put(part.vertex() + " " + part.id(), part);
      }
    }
    Map<Digest, Map<String, Object>> contexts = new HashMap<>();
    for (ProgressEvent.VertexState step : steps.values()) {
      if (step.started().isPresent() && step.completed().isPresent()) {
        contexts.put(
            step.vertex(),
            trace.span(
                step.name(),
                root,
                step.started().get(),
                step.completed().get(),
                ordered(
                    "vertex", step.vertex().toString(), "cached", Boolean.toString(step.cached())),
                step.error()));
      }
    }
    for (ProgressEvent.Status part : parts.values()) {
      if (part.started().isPresent() && part.completed().isPresent()) {
        trace.span(
            part.id(),
            contexts.getOrDefault(part.vertex(), root),
            part.started().get(),
            part.completed().get(),
            Map.of("vertex", part.vertex().toString()),
            "");
      }
    }
    return trace.out.toByteArray();
  }

  /** Writes a span; what is returned names it as the parent of others. */
  private Map<String, Object> span(
      String name,
      Map<String, Object> parent,
      Instant begun,
      Instant ended,
      Map<String, ?> attributes,
      String error) {
    Map<String, Object> context =
        ordered(
            "TraceID",
            trace,
            "SpanID",
            HexFormat.of().toHexDigits(++spans), // none is zero
            "TraceFlags",
            "01",
            "TraceState",
            "",
            "Remote",
            false);
    Map<String, Object> span = new LinkedHashMap<>();
    span.put("Name", RedactedUrl.within(name));
    span.put("SpanContext", context);
    span.put("Parent", parent);
    span.put("SpanKind", 1); // internal
    span.put("StartTime", begun.toString());
    span.put("EndTime", ended.toString());
    span.put(
        "Attributes",
        attributes.entrySet().stream()
            .map(entry ->
                ordered(
                    "Key",
                    entry.getKey(),
                    "Value",
                    ordered("Type", "STRING", "Value", entry.getValue())))
            .toList());
    span.put(
        "Status",
        ordered(
            "Code", error.isEmpty() ? "Unset" : "Error", "Description", RedactedUrl.within(error)));
    span.put("Resource", List.of());
    span.put("InstrumentationScope", SCOPE);
    span.put("InstrumentationLibrary", SCOPE);
    out.writeBytes(Json.bytes(span));
    out.write('\n');
    return context;
  }

  private static Map<String, Object> ordered(Object... namesAndValues) {
    Map<String, Object> out = new LinkedHashMap<>();
    for (int i = 0; i < namesAndValues.length; i += 2) {
      out.put((String) namesAndValues[i], namesAndValues[i + 1]);
    }
    return out;
  }
}
