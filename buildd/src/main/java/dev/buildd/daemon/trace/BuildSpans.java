package dev.buildd.daemon.trace;

import dev.buildd.base.content.Digest;
import dev.buildd.base.metrics.ResourceSample;
import dev.buildd.base.metrics.ResourceUsage;
import dev.buildd.solver.graph.ProgressEvent;
import dev.buildd.solver.source.RedactedUrl;
import dev.buildd.trace.Span;
import dev.buildd.trace.TraceContext;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The spans of a build that has ended: the build, below it its steps, and below these the parts of
 * their work.
 */
public final class BuildSpans {
  private final List<Span> out = new ArrayList<>();

  private BuildSpans() {}

  /**
   * Where a build stands that has begun then, or a step of it. The same whoever asks and whenever:
   * history, a collector of traces and what a step runs tell of the same spans.
   *
   * @param client what the build is a part of; if nothing, it is a trace of its own
   */
  public static TraceContext place(
      String ref, Optional<TraceContext> client, Instant begun, Optional<Digest> vertex) {
    return place(ref, client, begun, vertex.map(Digest::toString).orElse("0"));
  }

  private static TraceContext place(
      String ref, Optional<TraceContext> client, Instant begun, String which) {
    return new TraceContext(
        client.map(TraceContext::trace).orElseGet(() -> Digest.of(ref).hex().substring(0, 32)),
        Digest.of(ref + " " + begun + " " + which).hex().substring(0, 15) + "1", // never zero
        client.map(TraceContext::sampled).orElse(true));
  }

  /**
   * Spans of what ended, without passwords of addresses, parents before children.
   *
   * @param client what the build is a part of; if nothing, it is a trace of its own
   * @param remote whether that is a span of another process
   * @param error empty unless the build failed
   */
  public static List<Span> of(
      String ref,
      Optional<TraceContext> client,
      boolean remote,
      Instant begun,
      Instant ended,
      List<ProgressEvent> progress,
      String error) {
    BuildSpans spans = new BuildSpans();
    TraceContext root = place(ref, client, begun, Optional.empty());
    spans.add("build", root, client, remote, begun, ended, Map.of("ref", ref), error, List.of());
    Map<Digest, ProgressEvent.VertexState> steps = new LinkedHashMap<>();
    Map<String, ProgressEvent.Status> parts = new LinkedHashMap<>();
    Map<Digest, ResourceUsage> used = new HashMap<>();
    for (ProgressEvent event : progress) {
      switch (event) {
        case ProgressEvent.VertexState step -> steps.put(step.vertex(), step);
        case ProgressEvent.Status part -> parts.put(part.vertex() + " " + part.id(), part);
        case ProgressEvent.Used usage -> used.put(usage.vertex(), usage.usage());
        default -> {}
      }
    }
    Map<Digest, TraceContext> contexts = new HashMap<>();
    for (ProgressEvent.VertexState step : steps.values()) {
      if (step.started().isPresent() && step.completed().isPresent()) {
        Map<String, String> attributes = new LinkedHashMap<>();
        attributes.put("vertex", step.vertex().toString());
        attributes.put("cached", Boolean.toString(step.cached()));
        ResourceUsage usage = used.getOrDefault(step.vertex(), ResourceUsage.UNKNOWN);
        describe(usage, attributes);
        TraceContext context = place(ref, client, begun, Optional.of(step.vertex()));
        contexts.put(step.vertex(), context);
        spans.add(
            step.name(),
            context,
            Optional.of(root),
            false,
            step.started().get(),
            step.completed().get(),
            attributes,
            step.error(),
            usage.samples().stream().map(BuildSpans::event).toList());
      }
    }
    for (ProgressEvent.Status part : parts.values()) {
      if (part.started().isPresent() && part.completed().isPresent()) {
        spans.add(
            part.id(),
            place(ref, client, begun, Integer.toString(spans.out.size())),
            Optional.of(contexts.getOrDefault(part.vertex(), root)),
            false,
            part.started().get(),
            part.completed().get(),
            Map.of("vertex", part.vertex().toString()),
            "",
            List.of());
      }
    }
    return List.copyOf(spans.out);
  }

  private static void describe(ResourceUsage usage, Map<String, String> attributes) {
    describe(usage.cpu(), attributes);
    describe("memory.peak_bytes", usage.peakMemory(), attributes);
    describe("io.read_bytes", usage.readBytes(), attributes);
    describe("io.written_bytes", usage.writtenBytes(), attributes);
    describe("processes.peak", usage.peakProcesses(), attributes);
  }

  /** What a step had at a moment; the names are those of the totals, where it is the same. */
  private static Span.Event event(ResourceSample sample) {
    Map<String, String> attributes = new LinkedHashMap<>();
    describe(sample.cpu(), attributes);
    describe("memory.bytes", sample.memory(), attributes);
    describe("io.read_bytes", sample.readBytes(), attributes);
    describe("io.written_bytes", sample.writtenBytes(), attributes);
    describe("processes", sample.processes(), attributes);
    return new Span.Event("resources", sample.at(), attributes);
  }

  private static void describe(Optional<Duration> cpu, Map<String, String> attributes) {
    cpu.ifPresent(time -> attributes.put("cpu.time_ms", Long.toString(time.toMillis())));
  }

  private static void describe(String name, OptionalLong value, Map<String, String> attributes) {
    value.ifPresent(number -> attributes.put(name, Long.toString(number)));
  }

  private void add(
      String name,
      TraceContext context,
      Optional<TraceContext> parent,
      boolean remote,
      Instant from,
      Instant to,
      Map<String, String> attributes,
      String error,
      List<Span.Event> events) {
    out.add(
        new Span(
            RedactedUrl.within(name),
            Span.Kind.INTERNAL,
            context,
            parent,
            remote,
            from,
            to,
            attributes,
            RedactedUrl.within(error),
            events));
  }
}
