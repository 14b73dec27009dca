package dev.buildd.daemon.build;

import dev.buildd.base.content.Digest;
import dev.buildd.solver.graph.ProgressEvent;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** How many vertices a build told of, and what became of them. */
public record StepCounts(int total, int completed, int cached, int warnings) {
  public static StepCounts of(List<ProgressEvent> events) {
    Set<Digest> total = new HashSet<>();
    Set<Digest> completed = new HashSet<>();
    Set<Digest> cached = new HashSet<>();
    int warnings = 0;
    for (ProgressEvent event : events) {
      switch (event) {
        case ProgressEvent.VertexState state -> {
          total.add(state.vertex());
          if (state.completed().isPresent()) {
            completed.add(state.vertex());
          }
          if (state.cached()) {
            cached.add(state.vertex());
          }
        }
        case ProgressEvent.Warning warning -> warnings++;
        default -> {}
      }
    }
    return new StepCounts(total.size(), completed.size(), cached.size(), warnings);
  }
}
