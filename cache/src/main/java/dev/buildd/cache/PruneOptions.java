package dev.buildd.cache;

import java.time.Duration;
import java.util.function.Predicate;

/**
 * What to prune. Sizes of zero are no limits.
 *
 * @param all also what users do not see as their own: internal and frontend records
 * @param filter which records may go
 * @param keepDuration what was used more recently stays
 * @param reservedSpace stop once no more than this is held
 * @param maxUsedSpace the most that may be held; above it, prune down to {@code reservedSpace}
 * @param minFreeSpace how much of the disk shall be free
 */
public record PruneOptions(
    boolean all,
    Predicate<UsageRecord> filter,
    Duration keepDuration,
    long reservedSpace,
    long maxUsedSpace,
    long minFreeSpace) {

  /** Everything that is not in use. */
  public static PruneOptions everything() {
    return new PruneOptions(true, record -> true, Duration.ZERO, 0, 0, 0);
  }
}
