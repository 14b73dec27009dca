package dev.buildd.daemon.history;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.pattern.FieldFilter;
import dev.buildd.proto.control.BuildHistoryRecord;
import io.grpc.Status;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** Picks records by {@code ref}, {@code status} and {@code repository} (wire.md section 16). */
final class HistoryFilter {
  private HistoryFilter() {}

  /** The matching records, at most {@code limit} of them if it is positive, newest first. */
  static List<BuildHistoryRecord> apply(
      List<BuildHistoryRecord> records, List<String> filters, int limit) {
    for (String filter : filters) {
      String field = filter.split("[=!~<>]", 2)[0];
      if (!List.of("ref", "status", "repository").contains(field)) {
        throw BuildException.invalid(
            "history filters by \"" + field + "\" are not supported by this daemon yet");
      }
    }
    FieldFilter filter = FieldFilter.parse(filters);
    List<BuildHistoryRecord> out =
        records.stream()
            .filter(record -> filter.matches(path -> field(record, path.getFirst())))
            .sorted(
                Comparator.comparing((BuildHistoryRecord record) ->
                        Instant.ofEpochSecond(
                            record.getCreatedAt().getSeconds(), record.getCreatedAt().getNanos()))
                    .reversed())
            .toList();
    return limit > 0 && out.size() > limit ? out.subList(0, limit) : out;
  }

  private static Optional<String> field(BuildHistoryRecord record, String name) {
    return switch (name) {
      case "ref" -> Optional.of(record.getRef());
      case "status" -> Optional.of(status(record));
      case "repository" -> Optional.ofNullable(record.getFrontendAttrsMap().get("vcs:source"));
      default -> Optional.empty();
    };
  }

  private static String status(BuildHistoryRecord record) {
    if (!record.hasCompletedAt()) {
      return "running";
    }
    if (!record.hasError()) {
      return "completed";
    }
    return record.getError().getCode() == Status.Code.CANCELLED.value() ? "canceled" : "error";
  }
}
