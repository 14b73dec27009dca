package dev.buildd.cache;

import dev.buildd.snapshot.store.MetadataStore;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Consumer;

/**
 * One run that removes what may go, children before parents, those used longest ago first. Removes
 * a hundred at a time, so that builds get their turn.
 */
final class Pruning {
  private static final int AT_ONCE = 100;

  private final CacheManager manager;
  private final PruneOptions options;
  private final Clock clock;

  Pruning(CacheManager manager, PruneOptions options, Clock clock) {
    this.manager = manager;
    this.options = options;
    this.clock = clock;
  }

  /**
   * @param disk a path on the filesystem whose free space counts
   * @param reader is told of each record removed
   */
  void run(Path disk, Consumer<UsageRecord> reader) {
    boolean limited =
        options.reservedSpace() > 0 || options.maxUsedSpace() > 0 || options.minFreeSpace() > 0;
    long held = manager.diskUsage(record -> true).stream().mapToLong(UsageRecord::size).sum();
    long excess = limited ? excess(held, disk.toFile().getUsableSpace()) : Long.MAX_VALUE;
    while (excess > 0) {
      List<UsageRecord> gone = once(excess);
      if (gone.isEmpty()) {
        return;
      }
      for (UsageRecord record : gone) {
        excess -= limited ? record.size() : 0;
        reader.accept(record);
      }
    }
  }

  private long excess(long held, long free) {
    if (options.maxUsedSpace() == 0 && options.minFreeSpace() == 0) {
      return held - options.reservedSpace();
    }
    long excess = options.maxUsedSpace() > 0 ? held - options.maxUsedSpace() : 0;
    if (options.minFreeSpace() > 0) {
      excess = Math.max(excess, options.minFreeSpace() - free);
    }
    return Math.min(excess, held - options.reservedSpace());
  }

  private List<UsageRecord> once(long excess) {
    List<UsageRecord> gone = new ArrayList<>();
    List<CacheEntry> removed = new ArrayList<>();
    MetadataStore.Batch batch = manager.batch();
    RefTable table = manager.table();
    synchronized (table) {
      long cutoff = clock.millis() - options.keepDuration().toMillis();
      List<CacheEntry> candidates =
          table.all().stream()
              .filter(entry -> mayGo(entry, cutoff))
              .sorted(
                  Comparator.<CacheEntry>comparingLong(entry -> entry.lastUsedMillis)
                      .thenComparingInt(entry -> entry.usageCount))
              .toList();
      long freed = 0;
      for (CacheEntry entry : candidates) {
        if (freed >= excess || gone.size() >= AT_ONCE) {
          break;
        }
        UsageRecord record = entry.describe(false);
        if (entry.children > 0 || !options.filter().test(record)) {
          continue;
        }
        CacheEntry twin = entry.twin;
        if (twin != null) {
          twin.twin = null;
          table.remove(twin, batch);
          removed.add(twin);
        }
        table.remove(entry, batch);
        removed.add(entry);
        gone.add(record);
        freed += record.size();
        // still in the monitor: nobody can have come to hold it
        manager.removeFiles(entry, batch);
      }
    }
    batch.commit();
    removed.forEach(entry -> manager.removed(entry.id));
    return gone;
  }

  private boolean mayGo(CacheEntry entry, long cutoff) {
    CacheEntry twin = entry.twin;
    if (entry.refs > 0
        || entry.children > 0
        || entry.isHiddenTwin()
        || (twin != null && (twin.refs > 0 || twin.children > 0))) {
      return false;
    }
    if (!options.all()
        && (entry.recordType.equals(RefOptions.INTERNAL)
            || entry.recordType.equals(RefOptions.FRONTEND))) {
      return false;
    }
    return options.keepDuration().isZero() || entry.lastUsedMillis <= cutoff;
  }
}
