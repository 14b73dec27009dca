package dev.buildd.trace.otlp;

import com.google.protobuf.ByteString;
import dev.buildd.proto.otlp.common.AnyValue;
import dev.buildd.proto.otlp.common.InstrumentationScope;
import dev.buildd.proto.otlp.common.KeyValue;
import dev.buildd.proto.otlp.resource.Resource;
import dev.buildd.proto.otlp.trace.ResourceSpans;
import dev.buildd.proto.otlp.trace.ScopeSpans;
import dev.buildd.proto.otlp.trace.Status;
import dev.buildd.trace.Span;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Spans, and what is said beside them, as messages of OpenTelemetry's protocol. */
public final class OtlpMessages {
  /** Who tells what is sent. */
  public static final InstrumentationScope SCOPE =
      InstrumentationScope.newBuilder().setName("buildd").build();

  private static final int SAMPLED = 1;
  private static final int PARENT_IS_KNOWN = 0x100; // to be of this process or another
  private static final int PARENT_IS_REMOTE = 0x200;

  private OtlpMessages() {}

  /**
   * The message for spans of this process.
   *
   * @param resource what is said of it
   */
  public static ResourceSpans of(Map<String, String> resource, List<Span> spans) {
    ScopeSpans.Builder scope = ScopeSpans.newBuilder().setScope(SCOPE);
    spans.forEach(span -> scope.addSpans(of(span)));
    return ResourceSpans.newBuilder().setResource(resource(resource)).addScopeSpans(scope).build();
  }

  /** The message for what is said of this process. */
  public static Resource resource(Map<String, String> said) {
    return Resource.newBuilder().addAllAttributes(attributes(new TreeMap<>(said))).build();
  }

  private static dev.buildd.proto.otlp.trace.Span of(Span span) {
    dev.buildd.proto.otlp.trace.Span.Builder out =
        dev.buildd.proto.otlp.trace.Span.newBuilder()
            .setTraceId(bytes(span.context().trace()))
            .setSpanId(bytes(span.context().span()))
            .setName(span.name())
            .setKind(kind(span.kind()))
            .setStartTimeUnixNano(nanos(span.begun()))
            .setEndTimeUnixNano(nanos(span.ended()))
            .addAllAttributes(attributes(span.attributes()))
            .setFlags(SAMPLED | PARENT_IS_KNOWN | (span.remote() ? PARENT_IS_REMOTE : 0));
    span.events()
        .forEach(event ->
            out.addEvents(
                dev.buildd.proto.otlp.trace.Span.Event.newBuilder()
                    .setName(event.name())
                    .setTimeUnixNano(nanos(event.at()))
                    .addAllAttributes(attributes(event.attributes()))));
    span.parent().ifPresent(parent -> out.setParentSpanId(bytes(parent.span())));
    if (!span.error().isEmpty()) {
      out.setStatus(
          Status.newBuilder()
              .setCode(Status.StatusCode.STATUS_CODE_ERROR)
              .setMessage(span.error()));
    }
    return out.build();
  }

  private static dev.buildd.proto.otlp.trace.Span.SpanKind kind(Span.Kind kind) {
    return switch (kind) {
      case INTERNAL -> dev.buildd.proto.otlp.trace.Span.SpanKind.SPAN_KIND_INTERNAL;
      case SERVER -> dev.buildd.proto.otlp.trace.Span.SpanKind.SPAN_KIND_SERVER;
      case CLIENT -> dev.buildd.proto.otlp.trace.Span.SpanKind.SPAN_KIND_CLIENT;
    };
  }

  private static ByteString bytes(String hex) {
    return ByteString.copyFrom(HexFormat.of().parseHex(hex));
  }

  private static long nanos(Instant at) {
    return at.getEpochSecond() * 1_000_000_000L + at.getNano();
  }

  private static List<KeyValue> attributes(Map<String, String> values) {
    return values.entrySet().stream()
        .map(entry ->
            KeyValue.newBuilder()
                .setKey(entry.getKey())
                .setValue(AnyValue.newBuilder().setStringValue(entry.getValue()))
                .build())
        .toList();
  }

  /** How many spans there are. */
  public static int count(ResourceSpans spans) {
    return spans.getScopeSpansList().stream().mapToInt(ScopeSpans::getSpansCount).sum();
  }
}
