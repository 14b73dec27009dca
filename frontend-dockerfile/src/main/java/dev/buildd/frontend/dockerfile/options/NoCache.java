package dev.buildd.frontend.dockerfile.options;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Stages that are built anew. */
public sealed interface NoCache {
  /** Every stage. */
  record All() implements NoCache {}

  /** Those of these names, in any case. An unnamed stage is none of them. */
  record Named(List<String> stages) implements NoCache {
    public Named {
      stages = List.copyOf(stages);
    }
  }

  static NoCache parse(Map<String, String> options) {
    Optional<String> text = Optional.ofNullable(options.get("no-cache"));
    return text.<NoCache>map(
            names -> names.isEmpty() ? new All() : new Named(List.of(names.split(",", -1))))
        .orElseGet(() -> new Named(List.of()));
  }

  /**
   * Whether a stage is one of them.
   *
   * @param name as it was written; empty if it has none
   */
  default boolean covers(String name) {
    return switch (this) {
      case All all -> true;
      case Named(List<String> stages) -> stages.stream().anyMatch(name::equalsIgnoreCase);
    };
  }
}
