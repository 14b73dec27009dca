package dev.buildd.daemon.wire;

import dev.buildd.base.pattern.FieldFilter;
import dev.buildd.cache.PruneOptions;
import dev.buildd.cache.UsageRecord;
import dev.buildd.proto.control.DiskUsageRequest;
import dev.buildd.proto.control.PruneRequest;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/** Disk usage as it goes over the wire (wire.md section 12). */
public final class UsageMessages {
  private UsageMessages() {}

  public static dev.buildd.proto.control.UsageRecord of(UsageRecord record) {
    dev.buildd.proto.control.UsageRecord.Builder out =
        dev.buildd.proto.control.UsageRecord.newBuilder()
            .setID(record.id())
            .setMutable(record.mutable())
            .setInUse(record.inUse())
            .setSize(record.size())
            .addAllParents(record.parents())
            .setCreatedAt(ProgressMessages.timestamp(record.createdAt()))
            .setUsageCount(record.usageCount())
            .setDescription(record.description())
            .setRecordType(record.recordType())
            .setShared(record.shared());
    record.lastUsedAt().ifPresent(at -> out.setLastUsedAt(ProgressMessages.timestamp(at)));
    return out.build();
  }

  static Predicate<UsageRecord> filter(List<String> filters) {
    FieldFilter filter = FieldFilter.parse(filters);
    return record -> filter.matches(path -> field(record, path.getFirst()));
  }

  private static Optional<String> field(UsageRecord record, String name) {
    return switch (name) {
      case "id" -> Optional.of(record.id());
      case "parents" ->
          record.parents().isEmpty()
              ? Optional.empty()
              : Optional.of(String.join(";", record.parents()));
      case "description" -> Optional.of(record.description()).filter(text -> !text.isEmpty());
      case "inuse" -> present(record.inUse());
      case "mutable" -> present(record.mutable());
      case "immutable" -> present(!record.mutable());
      case "type" -> Optional.of(record.recordType());
      case "shared" -> present(record.shared());
      case "private" -> present(!record.shared());
      default -> Optional.empty();
    };
  }

  private static Optional<String> present(boolean holds) {
    return holds ? Optional.of("") : Optional.empty();
  }

  /**
   * Which records a request wants to see: what was used longer ago than the age, if one is given.
   */
  public static Predicate<UsageRecord> wanted(DiskUsageRequest request, Clock clock) {
    Predicate<UsageRecord> filter = filter(request.getFilterList());
    if (request.getAgeLimit() <= 0) {
      return filter;
    }
    Instant latest = clock.instant().minusNanos(request.getAgeLimit());
    return record ->
        filter.test(record) && !record.lastUsedAt().orElse(record.createdAt()).isAfter(latest);
  }

  public static PruneOptions options(PruneRequest request) {
    return new PruneOptions(
        request.getAll(),
        filter(request.getFilterList()),
        Duration.ofNanos(request.getKeepDuration()),
        request.getReservedSpace(),
        request.getMaxUsedSpace(),
        request.getMinFreeSpace());
  }
}
