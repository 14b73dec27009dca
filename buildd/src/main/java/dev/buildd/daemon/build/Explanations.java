package dev.buildd.daemon.build;

import dev.buildd.base.content.Digest;
import dev.buildd.client.BuildExplanation;
import dev.buildd.solver.graph.ProgressEvent;
import dev.buildd.solver.source.RedactedUrl;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** What a build told of why its steps ran. */
public final class Explanations {
  private Explanations() {}

  /** Empty if it told nothing. */
  public static Optional<BuildExplanation> of(List<ProgressEvent> progress) {
    Map<Digest, ProgressEvent.Reason> reasons = new LinkedHashMap<>();
    Map<Digest, ProgressEvent.VertexState> states = new LinkedHashMap<>();
    for (ProgressEvent event : progress) {
      switch (event) {
        case ProgressEvent.Explained explained ->
            reasons.put(explained.vertex(), explained.reason());
        case ProgressEvent.VertexState state -> states.put(state.vertex(), state);
        default -> {}
      }
    }
    if (reasons.isEmpty()) {
      return Optional.empty();
    }
    List<BuildExplanation.Step> steps = new ArrayList<>();
    reasons.forEach((vertex, reason) -> {
      ProgressEvent.VertexState state = states.get(vertex);
      if (state != null) {
        steps.add(step(state, reason));
      }
    });
    int others =
        (int)
            states.values().stream()
                .filter(state -> state.cached() && !reasons.containsKey(state.vertex()))
                .count();
    return Optional.of(new BuildExplanation(steps, others));
  }

  private static String outcome(ProgressEvent.VertexState state) {
    if (state.cached()) {
      return "cached";
    }
    if (state.started().isEmpty()) {
      return "would run";
    }
    return state.error().isEmpty() ? "ran" : "failed";
  }

  private static BuildExplanation.Step step(
      ProgressEvent.VertexState state, ProgressEvent.Reason reason) {
    return new BuildExplanation.Step(
        state.vertex().toString(),
        state.name(),
        outcome(state),
        reason.kind().name().toLowerCase(Locale.ROOT),
        RedactedUrl.within(reason.summary()),
        reason.details().stream().map(RedactedUrl::within).toList(),
        reason.build());
  }
}
