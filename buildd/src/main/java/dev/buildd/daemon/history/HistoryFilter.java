package dev.buildd.daemon.history;

import com.google.protobuf.Timestamp;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.pattern.FieldFilter;
import dev.buildd.base.text.Csv;
import dev.buildd.base.text.GoDuration;
import dev.buildd.proto.control.BuildHistoryRecord;
import dev.buildd.solver.source.git.GitUrl;
import io.grpc.Status;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Picks records by {@code ref}, {@code status}, {@code repository}, and by {@code startedAt},
 * {@code completedAt} and {@code duration} with {@code >=}, {@code <=}, {@code >} or {@code <}
 * (wire.md section 16). Commas mean "and", several filters mean "or". Immutable.
 */
final class HistoryFilter {
  private static final List<String> NAMES = List.of("ref", "status", "repository");
  private static final List<String> TIMES = List.of("startedAt", "completedAt", "duration");
  private static final Pattern COMPARISON =
      Pattern.compile("(\\w+)(>=|<=|>|<)(.*)", Pattern.DOTALL);
  private static final Pattern NAME = Pattern.compile("\\w*");

  private final List<Predicate<BuildHistoryRecord>> alternatives;

  private HistoryFilter(List<Predicate<BuildHistoryRecord>> alternatives) {
    this.alternatives = alternatives;
  }

  /**
   * Reads filters; none at all lets everything pass.
   *
   * @param now from which ages such as {@code startedAt>24h} count back
   * @throws BuildException {@code INVALID_ARGUMENT} if one is malformed or names no field of
   *     records
   */
  static HistoryFilter parse(List<String> filters, Instant now) {
    return new HistoryFilter(filters.stream().map(filter -> parse(filter, now)).toList());
  }

  /**
   * The matching records, newest first.
   *
   * @param limit the most that are wanted; zero for all
   */
  List<BuildHistoryRecord> apply(List<BuildHistoryRecord> records, int limit) {
    if (limit < 0) {
      throw BuildException.invalid("invalid limit " + limit);
    }
    Stream<BuildHistoryRecord> out =
        records.stream()
            .filter(record ->
                alternatives.isEmpty() || alternatives.stream().anyMatch(one -> one.test(record)))
            .sorted(
                Comparator.comparing((BuildHistoryRecord record) -> instant(record.getCreatedAt()))
                    .reversed());
    return (limit > 0 ? out.limit(limit) : out).toList();
  }

  private static Predicate<BuildHistoryRecord> parse(String filter, Instant now) {
    Predicate<BuildHistoryRecord> out = record -> true;
    List<String> names = new ArrayList<>();
    for (String part : Csv.fields(filter)) {
      Matcher comparison = COMPARISON.matcher(part);
      if (comparison.matches() && TIMES.contains(comparison.group(1))) {
        out = out.and(compare(comparison, now));
        continue;
      }
      Matcher name = NAME.matcher(part);
      if (!part.isEmpty() && !(name.lookingAt() && NAMES.contains(name.group()))) {
        throw BuildException.invalid(
            "invalid history filter \""
                + part
                + "\": a filter compares ref, status or repository by"
                + " ==, !=, ~=, or startedAt, completedAt or duration by >=, <=, >, <");
      }
      names.add(part);
    }
    FieldFilter byName = FieldFilter.parse(List.of(String.join(",", names)));
    return out.and(record -> byName.matches(path -> field(record, path.getFirst())));
  }

  private static Predicate<BuildHistoryRecord> compare(Matcher comparison, Instant now) {
    String field = comparison.group(1);
    String operator = comparison.group(2);
    String value = comparison.group(3);
    if (field.equals("duration")) {
      Duration wanted = duration(value).orElseThrow(() -> invalid("duration", value));
      return record -> holds(Duration.between(begun(record), completed(record)), operator, wanted);
    }
    Instant wanted = duration(value).map(now::minus).orElseGet(() -> time(value));
    return field.equals("startedAt")
        ? record -> holds(begun(record), operator, wanted)
        : record -> holds(completed(record), operator, wanted);
  }

  private static <T extends Comparable<T>> boolean holds(T value, String operator, T wanted) {
    int difference = value.compareTo(wanted);
    return switch (operator) {
      case ">=" -> difference >= 0;
      case "<=" -> difference <= 0;
      case ">" -> difference > 0;
      default -> difference < 0;
    };
  }

  private static Optional<Duration> duration(String text) {
    try {
      return Optional.of(Duration.ofNanos(GoDuration.parse(text)));
    } catch (BuildException e) {
      return Optional.empty();
    }
  }

  private static Instant time(String text) {
    try {
      return OffsetDateTime.parse(text).toInstant();
    } catch (DateTimeParseException e) {
      throw invalid("time", text);
    }
  }

  private static BuildException invalid(String what, String text) {
    return BuildException.invalid("invalid " + what + " " + text);
  }

  private static Instant begun(BuildHistoryRecord record) {
    return instant(record.getCreatedAt());
  }

  private static Instant completed(BuildHistoryRecord record) {
    return record.hasCompletedAt() ? instant(record.getCompletedAt()) : begun(record);
  }

  private static Instant instant(Timestamp time) {
    return Instant.ofEpochSecond(time.getSeconds(), time.getNanos());
  }

  private static Optional<String> field(BuildHistoryRecord record, String name) {
    return switch (name) {
      case "ref" -> Optional.of(record.getRef());
      case "status" -> Optional.of(status(record));
      case "repository" -> repository(record);
      default -> Optional.empty();
    };
  }

  private static Optional<String> repository(BuildHistoryRecord record) {
    String told = record.getFrontendAttrsMap().get("vcs:source");
    return told != null
        ? Optional.of(told)
        : Optional.ofNullable(record.getFrontendAttrsMap().get("context"))
            .flatMap(GitUrl::remoteOf);
  }

  private static String status(BuildHistoryRecord record) {
    if (!record.hasCompletedAt()) {
      return "running";
    }
    if (!record.hasError()) {
      return "completed";
    }
    if (record.getError().getMessage().equals(History.INTERRUPTED)) {
      return "interrupted"; // ours: stock forgets such builds
    }
    boolean canceled =
        record.getError().getCode() == Status.Code.CANCELLED.value()
            || record.getError().getMessage().contains("context canceled");
    return canceled ? "canceled" : "error";
  }
}
