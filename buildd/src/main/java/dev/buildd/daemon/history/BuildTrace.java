package dev.buildd.daemon.history;

import com.google.protobuf.ByteString;
import dev.buildd.base.json.Json;
import dev.buildd.proto.otlp.common.AnyValue;
import dev.buildd.proto.otlp.common.InstrumentationScope;
import dev.buildd.proto.otlp.common.KeyValue;
import dev.buildd.proto.otlp.resource.Resource;
import dev.buildd.solver.source.RedactedUrl;
import dev.buildd.trace.Span;
import dev.buildd.trace.TraceContext;
import java.io.ByteArrayOutputStream;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
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

  private static final int SAMPLED = 1; // as all that are handed over
  private static final int PARENT_IS_REMOTE = 0x200; // in the flags of OpenTelemetry's protocol

  private BuildTrace() {}

  /** The whole of it. */
  static byte[] of(List<byte[]> lines) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    lines.forEach(out::writeBytes);
    return out.toByteArray();
  }

  /** A span of this process, with its end of line. */
  static byte[] line(Span span) {
    return line(json(span));
  }

  /**
   * A span of another process, without passwords of addresses: what ran may have been told them.
   */
  static byte[] line(
      Resource resource, InstrumentationScope scope, dev.buildd.proto.otlp.trace.Span span) {
    return line(json(resource, scope, span));
  }

  private static byte[] line(Map<String, Object> span) {
    byte[] json = Json.bytes(span);
    byte[] line = Arrays.copyOf(json, json.length + 1);
    line[json.length] = '\n';
    return line;
  }

  private static Map<String, Object> json(
      Resource resource, InstrumentationScope scope, dev.buildd.proto.otlp.trace.Span span) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("Name", RedactedUrl.within(span.getName()));
    out.put(
        "SpanContext",
        context(span.getTraceId(), span.getSpanId(), span.getTraceState(), SAMPLED, false));
    out.put(
        "Parent",
        span.getParentSpanId().isEmpty()
            ? NOTHING
            : context(
                span.getTraceId(),
                span.getParentSpanId(),
                span.getTraceState(),
                SAMPLED,
                (span.getFlags() & PARENT_IS_REMOTE) != 0));
    out.put("SpanKind", span.getKindValue()); // numbered alike
    out.put("StartTime", time(span.getStartTimeUnixNano()));
    out.put("EndTime", time(span.getEndTimeUnixNano()));
    out.put("Attributes", attributes(span.getAttributesList()));
    out.put(
        "Events",
        span.getEventsList().stream()
            .map(event ->
                ordered(
                    "Name",
                    RedactedUrl.within(event.getName()),
                    "Attributes",
                    attributes(event.getAttributesList()),
                    "DroppedAttributeCount",
                    event.getDroppedAttributesCount(),
                    "Time",
                    time(event.getTimeUnixNano())))
            .toList());
    out.put(
        "Links",
        span.getLinksList().stream()
            .map(link ->
                ordered(
                    "SpanContext",
                    context(
                        link.getTraceId(),
                        link.getSpanId(),
                        link.getTraceState(),
                        link.getFlags(),
                        false),
                    "Attributes",
                    attributes(link.getAttributesList()),
                    "DroppedAttributeCount",
                    link.getDroppedAttributesCount()))
            .toList());
    out.put(
        "Status",
        ordered(
            "Code",
            switch (span.getStatus().getCode()) {
              case STATUS_CODE_OK -> "Ok";
              case STATUS_CODE_ERROR -> "Error";
              case STATUS_CODE_UNSET, UNRECOGNIZED -> "Unset";
            },
            "Description",
            RedactedUrl.within(span.getStatus().getMessage())));
    out.put("DroppedAttributes", span.getDroppedAttributesCount());
    out.put("DroppedEvents", span.getDroppedEventsCount());
    out.put("DroppedLinks", span.getDroppedLinksCount());
    out.put("ChildSpanCount", 0);
    out.put("Resource", attributes(resource.getAttributesList()));
    Map<String, Object> by =
        ordered("Name", scope.getName(), "Version", scope.getVersion(), "SchemaURL", "");
    out.put("InstrumentationScope", by);
    out.put("InstrumentationLibrary", by);
    return out;
  }

  private static Map<String, Object> context(
      ByteString trace, ByteString span, String state, int flags, boolean remote) {
    return ordered(
        "TraceID",
        hex(trace, 16),
        "SpanID",
        hex(span, 8),
        "TraceFlags",
        (flags & SAMPLED) == 0 ? "00" : "01",
        "TraceState",
        state,
        "Remote",
        remote);
  }

  /** Of so many bytes, whatever was sent: readers take no other. */
  private static String hex(ByteString id, int bytes) {
    return HexFormat.of().formatHex(Arrays.copyOf(id.toByteArray(), bytes));
  }

  private static String time(long nanos) {
    return Instant.ofEpochSecond(0, nanos).toString();
  }

  private static List<Map<String, Object>> attributes(Map<String, String> attributes) {
    return attributes.entrySet().stream()
        .map(entry ->
            ordered(
                "Key",
                entry.getKey(),
                "Value",
                ordered("Type", "STRING", "Value", entry.getValue())))
        .toList();
  }

  private static List<Map<String, Object>> attributes(List<KeyValue> attributes) {
    return attributes.stream()
        .map(pair -> ordered("Key", pair.getKey(), "Value", value(pair.getValue())))
        .toList();
  }

  private static Map<String, Object> value(AnyValue value) {
    return switch (value.getValueCase()) {
      case BOOL_VALUE -> ordered("Type", "BOOL", "Value", value.getBoolValue());
      case INT_VALUE -> ordered("Type", "INT64", "Value", value.getIntValue());
      case DOUBLE_VALUE -> ordered("Type", "FLOAT64", "Value", value.getDoubleValue());
      case ARRAY_VALUE ->
          ordered(
              "Type",
              "STRINGSLICE",
              "Value",
              value.getArrayValue().getValuesList().stream().map(BuildTrace::text).toList());
      default -> ordered("Type", "STRING", "Value", text(value));
    };
  }

  private static String text(AnyValue value) {
    return RedactedUrl.within(
        switch (value.getValueCase()) {
          case STRING_VALUE -> value.getStringValue();
          case BOOL_VALUE -> Boolean.toString(value.getBoolValue());
          case INT_VALUE -> Long.toString(value.getIntValue());
          case DOUBLE_VALUE -> Double.toString(value.getDoubleValue());
          case BYTES_VALUE ->
              Base64.getEncoder().encodeToString(value.getBytesValue().toByteArray());
          case ARRAY_VALUE ->
              value.getArrayValue().getValuesList().stream()
                  .map(BuildTrace::text)
                  .toList()
                  .toString();
          case KVLIST_VALUE ->
              value.getKvlistValue().getValuesList().stream()
                  .map(pair -> pair.getKey() + "=" + text(pair.getValue()))
                  .toList()
                  .toString();
          case STRING_VALUE_STRINDEX, VALUE_NOT_SET -> "";
        });
  }

  private static Map<String, Object> json(Span span) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("Name", span.name());
    out.put("SpanContext", json(span.context(), false));
    out.put("Parent", span.parent().map(parent -> json(parent, span.remote())).orElse(NOTHING));
    out.put(
        "SpanKind", // as the library numbers them
        switch (span.kind()) {
          case INTERNAL -> 1;
          case SERVER -> 2;
          case CLIENT -> 3;
        });
    out.put("StartTime", span.begun().toString());
    out.put("EndTime", span.ended().toString());
    out.put("Attributes", attributes(span.attributes()));
    out.put(
        "Events",
        span.events().stream()
            .map(event ->
                ordered(
                    "Name",
                    event.name(),
                    "Attributes",
                    attributes(event.attributes()),
                    "DroppedAttributeCount",
                    0,
                    "Time",
                    event.at().toString()))
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
