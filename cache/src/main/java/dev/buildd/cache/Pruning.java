package dev.buildd.cache;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.snapshot.store.MetadataStore;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.function.Consumer;

/**
 * One run that removes what may go, children before parents, those used longest ago first. Looks at
 * a hundred at a time, so that builds get their turn; files go while nobody waits for that.
 */
final class Pruning {
  private static final int AT_ONCE = 100;

  private final CacheManager manager;
  private final PruneOptions options;
  private final long cutoff; // in milliseconds since the epoch; what was used later stays
  private final Deque<String> page = new ArrayDeque<>(); // candidates to come

  /** What lost a child, those used longest ago first. */
  private final PriorityQueue<RefRecord> freedParents =
      new PriorityQueue<>(
          Comparator.<RefRecord>comparingLong(entry -> entry.lastUsedMillis)
              .thenComparingInt(entry -> entry.usageCount));

  private byte[] position = new byte[0];
  private long reached; // when the last candidate was used
  private boolean ended;

  Pruning(CacheManager manager, PruneOptions options, Clock clock) {
    this.manager = manager;
    this.options = options;
    this.cutoff =
        options.keepDuration().isZero()
            ? Long.MAX_VALUE
            : clock.millis() - options.keepDuration().toMillis();
  }

  /**
   * @param disk a path on the filesystem whose free space counts
   * @param reader is told of each record removed
   */
  void run(Path disk, Consumer<UsageRecord> reader) {
    boolean limited =
        options.reservedSpace() > 0 || options.maxUsedSpace() > 0 || options.minFreeSpace() > 0;
    long held = manager.measuredTotal();
    long excess = limited ? excess(held, disk.toFile().getUsableSpace()) : Long.MAX_VALUE;
    while (excess > 0) {
      List<UsageRecord> gone = once(excess);
      for (UsageRecord record : gone) {
        excess -= limited ? record.size() : 0;
        reader.accept(record);
      }
      if (ended && page.isEmpty() && freedParents.isEmpty()) {
        return;
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
    if (page.isEmpty() && !ended) {
      RefTable.Page next = manager.table().order(position, cutoff, AT_ONCE);
      page.addAll(next.ids());
      position = next.end();
      ended = next.ids().isEmpty();
    }
    List<UsageRecord> gone = new ArrayList<>();
    List<RefRecord> removed = new ArrayList<>();
    List<String> snapshots = new ArrayList<>(); // children before parents
    MetadataStore.Batch batch = manager.batch();
    RefTable table = manager.table();
    synchronized (table) {
      long freed = 0;
      for (int looked = 0; looked < AT_ONCE && freed < excess; looked++) {
        Optional<RefRecord> candidate = next(table);
        if (candidate.isEmpty()) {
          break;
        }
        RefRecord entry = candidate.get();
        UsageRecord record = entry.describe(false);
        if (!mayGo(entry) || table.hasChildren(entry) || !options.filter().test(record)) {
          continue;
        }
        RefRecord twin = entry.twin;
        if (twin != null) {
          twin.twin = null;
          table.remove(twin, batch);
          removed.add(twin);
        }
        table.remove(entry, batch);
        removed.add(entry);
        gone.add(record);
        freed += record.size();
        if (!entry.isLazy()) {
          manager.forgetFiles(entry);
          snapshots.add(entry.snapshot); // nobody can come to use it: it was of this entry only
        }
        entry.parents.stream()
            .filter(parent -> parent.stored.lastUsedMillis() <= reached)
            .forEach(freedParents::add); // their turn has been
      }
    }
    batch.freesSpace().commit();
    // a death before the next line leaves snapshots without a ref, which the next start removes
    Cleanup.run("remove snapshots", () -> manager.snapshotter().remove(snapshots));
    removed.forEach(entry -> manager.removed(entry.id));
    return gone;
  }

  private Optional<RefRecord> next(RefTable table) {
    for (RefRecord parent = freedParents.poll(); parent != null; parent = freedParents.poll()) {
      if (!parent.dead) {
        return Optional.of(parent);
      }
    }
    for (String id = page.poll(); id != null; id = page.poll()) {
      Optional<RefRecord> found = table.find(id);
      if (found.isPresent()) {
        reached = found.get().stored.lastUsedMillis();
        return found;
      }
    }
    return Optional.empty();
  }

  private boolean mayGo(RefRecord entry) {
    RefRecord twin = entry.twin;
    if (entry.refs > 0
        || entry.isHiddenTwin()
        || (twin != null && (twin.refs > 0 || manager.table().hasChildren(twin)))) {
      return false;
    }
    if (!options.all()
        && (entry.recordType.equals(RefOptions.INTERNAL)
            || entry.recordType.equals(RefOptions.FRONTEND))) {
      return false;
    }
    return entry.lastUsedMillis <= cutoff;
  }
}
