package dev.buildd.daemon.history;

import dev.buildd.base.content.Digest;
import dev.buildd.client.BuildExplanation;
import dev.buildd.solver.graph.ProgressEvent;
import dev.buildd.solver.source.RedactedUrl;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** What a build told of why its steps ran. */
final class Explanations {
  private Explanations() {}

  /** Empty if it told nothing. */
  static Optional<BuildExplanation> of(List<ProgressEvent> progress) {
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
    List<BuildExplanation.Step> steps =
        reasons.entrySet().stream()
            .filter(entry -> states.containsKey(entry.getKey()))
            .map(entry -> step(states.get(entry.getKey()), entry.getValue()))
            .toList();
    int others =
        (int)
            states.values().stream()
                .filter(state -> state.cached() && !reasons.containsKey(state.vertex()))
                .count();
    return Optional.of(new BuildExplanation(steps, others));
  }

  private static BuildExplanation.Step step(
      ProgressEvent.VertexState state, ProgressEvent.Reason reason) {
    return new BuildExplanation.Step(
        state.vertex().toString(),
        state.name(),
        state.cached() ? "cached" : state.error().isEmpty() ? "ran" : "failed",
        reason.kind().name().toLowerCase(Locale.ROOT),
        RedactedUrl.within(reason.summary()),
        reason.details().stream().map(RedactedUrl::within).toList(),
        reason.build());
  }
}
