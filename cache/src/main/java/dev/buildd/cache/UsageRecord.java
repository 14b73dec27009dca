package dev.buildd.cache;

import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * What one ref holds on disk and how it is used.
 *
 * @param size bytes that are not its parents'
 * @param shared whether its content is also kept for somebody else
 */
public record UsageRecord(
    String id,
    boolean mutable,
    boolean inUse,
    long size,
    List<String> parents,
    Instant createdAt,
    String description,
    int usageCount,
    Optional<Instant> lastUsedAt,
    String recordType,
    boolean shared) {
  public UsageRecord {
    parents = List.copyOf(parents);
  }
}
