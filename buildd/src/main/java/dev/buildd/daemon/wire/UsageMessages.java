package dev.buildd.daemon.wire;

import dev.buildd.cache.PruneOptions;
import dev.buildd.cache.UsageRecord;
import dev.buildd.proto.control.DiskUsageRequest;
import dev.buildd.proto.control.PruneRequest;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
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

  /**
   * Which records a request wants to see: what was used longer ago than the age, if one is given.
   */
  public static Predicate<UsageRecord> wanted(DiskUsageRequest request, Clock clock) {
    Predicate<UsageRecord> filter = UsageRecord.matching(request.getFilterList());
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
        UsageRecord.matching(request.getFilterList()),
        Duration.ofNanos(request.getKeepDuration()),
        request.getReservedSpace(),
        request.getMaxUsedSpace(),
        request.getMinFreeSpace());
  }
}
