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
 * @param maxUsedSpace the most that may be held
 * @param minFreeSpace how much of the disk shall be free; never bought below {@code reservedSpace}
 * @param by who removes, as users are told later who miss a record
 */
public record PruneOptions(
    boolean all,
    Predicate<UsageRecord> filter,
    Duration keepDuration,
    long reservedSpace,
    long maxUsedSpace,
    long minFreeSpace,
    String by) {

  /** What somebody asks to prune. */
  public PruneOptions(
      boolean all,
      Predicate<UsageRecord> filter,
      Duration keepDuration,
      long reservedSpace,
      long maxUsedSpace,
      long minFreeSpace) {
    this(all, filter, keepDuration, reservedSpace, maxUsedSpace, minFreeSpace, "a prune");
  }

  /** Everything that is not in use. */
  public static PruneOptions everything() {
    return new PruneOptions(true, record -> true, Duration.ZERO, 0, 0, 0);
  }

  /**
   * How many bytes have to go, as BuildKit reckons; none if negative or zero.
   *
   * @param held what all takes
   * @param free what is free on the disk
   */
  public long excess(long held, long free) {
    if (reservedSpace == 0 && maxUsedSpace == 0 && minFreeSpace == 0) {
      return Long.MAX_VALUE;
    }
    if (maxUsedSpace == 0 && minFreeSpace == 0) {
      return held - reservedSpace;
    }
    long excess = maxUsedSpace > 0 ? held - maxUsedSpace : 0;
    if (minFreeSpace > 0) {
      excess = Math.max(excess, minFreeSpace - free);
    }
    return Math.min(excess, held - reservedSpace);
  }
}
