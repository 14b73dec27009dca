package dev.buildd.daemon.trace;

import dev.buildd.base.content.Digest;
import dev.buildd.solver.graph.ProgressEvent;
import dev.buildd.solver.source.RedactedUrl;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The spans of a build that has ended: the build, below it its steps, and below these the parts of
 * their work.
 */
public final class BuildSpans {
  private final String ref;
  private final Instant begun;
  private final String trace;
  private final boolean sampled;
  private final List<Span> out = new ArrayList<>();

  private BuildSpans(String ref, Optional<TraceContext> client, Instant begun) {
    this.ref = ref;
    this.begun = begun;
    this.trace = client.map(TraceContext::trace).orElse(Digest.of(ref).hex().substring(0, 32));
    this.sampled = client.map(TraceContext::sampled).orElse(true);
  }

  /**
   * Spans of what ended, without passwords of addresses, parents before children.
   *
   * @param client what the build is a part of; if nothing, it is a trace of its own
   * @param error empty unless the build failed
   */
  public static List<Span> of(
      String ref,
      Optional<TraceContext> client,
      Instant begun,
      Instant ended,
      List<ProgressEvent> progress,
      String error) {
    BuildSpans spans = new BuildSpans(ref, client, begun);
    Optional<TraceContext> root =
        spans.add("build", client, client.isPresent(), begun, ended, Map.of("ref", ref), error);
    Map<Digest, ProgressEvent.VertexState> steps = new LinkedHashMap<>();
    Map<String, ProgressEvent.Status> parts = new LinkedHashMap<>();
    for (ProgressEvent event : progress) {
      if (event instanceof ProgressEvent.VertexState step) {
        steps.put(step.vertex(), step);
      } else if (event instanceof ProgressEvent.Status part) {
        parts.put(part.vertex() + " " + part.id(), part);
      }
    }
    Map<Digest, Optional<TraceContext>> contexts = new HashMap<>();
    for (ProgressEvent.VertexState step : steps.values()) {
      if (step.started().isPresent() && step.completed().isPresent()) {
        Map<String, String> attributes = new LinkedHashMap<>();
        attributes.put("vertex", step.vertex().toString());
        attributes.put("cached", Boolean.toString(step.cached()));
        contexts.put(
            step.vertex(),
            spans.add(
                step.name(),
                root,
                false,
                step.started().get(),
                step.completed().get(),
                attributes,
                step.error()));
      }
    }
    for (ProgressEvent.Status part : parts.values()) {
      if (part.started().isPresent() && part.completed().isPresent()) {
        spans.add(
            part.id(),
            contexts.getOrDefault(part.vertex(), root),
            false,
            part.started().get(),
            part.completed().get(),
            Map.of("vertex", part.vertex().toString()),
            "");
      }
    }
    return List.copyOf(spans.out);
  }

  /** Adds a span; what is returned names it as the parent of others. */
  private Optional<TraceContext> add(
      String name,
      Optional<TraceContext> parent,
      boolean remote,
      Instant from,
      Instant to,
      Map<String, String> attributes,
      String error) {
    // the same whoever asks: history and a collector of traces tell of the same spans
    String id = Digest.of(ref + " " + begun + " " + out.size()).hex().substring(0, 15) + "1";
    TraceContext context = new TraceContext(trace, id, sampled);
    out.add(
        new Span(
            RedactedUrl.within(name),
            context,
            parent,
            remote,
            from,
            to,
            attributes,
            RedactedUrl.within(error)));
    return Optional.of(context);
  }
}
