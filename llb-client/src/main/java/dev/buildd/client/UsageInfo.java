package dev.buildd.client;

import dev.buildd.proto.control.UsageRecord;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** A record of a daemon's cache. */
public record UsageInfo(
    String id,
    boolean mutable,
    boolean inUse,
    long size,
    Instant createdAt,
    Optional<Instant> lastUsedAt,
    int usageCount,
    List<String> parents,
    String description,
    String recordType,
    boolean shared) {
  static UsageInfo of(UsageRecord r) {
    return new UsageInfo(
        r.getID(),
        r.getMutable(),
        r.getInUse(),
        r.getSize(),
        SolveStatus.instant(r.getCreatedAt()),
        r.hasLastUsedAt() ? Optional.of(SolveStatus.instant(r.getLastUsedAt())) : Optional.empty(),
        (int) r.getUsageCount(),
        List.copyOf(r.getParentsList()),
        r.getDescription(),
        r.getRecordType(),
        r.getShared());
  }
}
