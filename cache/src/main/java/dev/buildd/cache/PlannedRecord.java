package dev.buildd.cache;

import java.util.Optional;

/**
 * What a pruning would do to a record.
 *
 * @param kept why it would stay; empty if it would go
 */
public record PlannedRecord(UsageRecord record, Optional<String> kept) {}
