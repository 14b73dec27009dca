package dev.buildd.cache;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.snapshot.store.MetadataStore;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.function.Consumer;

/**
 * One run that removes what may go, children before parents, those used longest ago first, or only
 * finds out what that would be. Looks at a hundred at a time, so that builds get their turn; files
 * go while nobody waits for that.
 */
final class Pruning {
  private static final int AT_ONCE = 100;

  private final CacheManager manager;
  private final PruneOptions options;
  private final long now; // in milliseconds since the epoch
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

  private final boolean trial; // nothing is removed
  private final Set<String> gone = new HashSet<>(); // in a trial, what would be

  Pruning(CacheManager manager, PruneOptions options, Clock clock, boolean trial) {
    this.trial = trial;
    this.manager = manager;
    this.options = options;
    this.now = clock.millis();
    this.cutoff =
        options.keepDuration().isZero() ? Long.MAX_VALUE : now - options.keepDuration().toMillis();
  }

  /**
   * @param held the bytes that count against limits
   * @param free bytes of the disk
   * @param reader is told of each record removed
   */
  void run(long held, long free, Pace pace, Consumer<UsageRecord> reader) {
    long excess = options.excess(held, free);
    boolean limited = excess != Long.MAX_VALUE;
    while (excess > 0) {
      List<UsageRecord> removed = once(excess);
      for (UsageRecord record : removed) {
        excess -= limited ? record.size() : 0;
        reader.accept(record);
      }
      if ((ended && page.isEmpty() && freedParents.isEmpty()) || !pace.goesOn()) {
        return;
      }
    }
  }

  private List<UsageRecord> once(long excess) {
    if (page.isEmpty() && !ended) {
      RefTable.Page next = manager.table().order(position, cutoff, AT_ONCE);
      page.addAll(next.ids());
      position = next.end();
      ended = next.ids().isEmpty();
    }
    List<UsageRecord> told = new ArrayList<>();
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
        if (!mayGo(entry) || hasChildren(entry) || !options.filter().test(record)) {
          continue;
        }
        record = manager.usage().withArchives(record, entry);
        told.add(record);
        freed += record.size();
        if (trial) {
          gone.add(entry.id);
        } else {
          remove(entry, batch, removed, snapshots);
        }
        entry.parents.stream()
            .filter(parent -> parent.stored.lastUsedMillis() <= reached)
            .forEach(freedParents::add); // their turn has been
      }
    }
    if (!removed.isEmpty()) {
      batch.freesSpace().commit();
      // a death before the next line leaves snapshots without a ref, which the next start removes
      Cleanup.run("remove snapshots", () -> manager.snapshotter().remove(snapshots));
      manager.removed(removed.stream().map(entry -> entry.id).toList(), options.by());
    }
    return told;
  }

  private void remove(
      RefRecord entry, MetadataStore.Batch batch, List<RefRecord> removed, List<String> snapshots) {
    RefTable table = manager.table();
    RefRecord twin = entry.twin;
    if (twin != null) {
      twin.twin = null;
      table.remove(twin, batch);
      removed.add(twin);
    }
    table.removeWithFiles(entry, batch);
    removed.add(entry);
    if (!entry.isLazy()) {
      manager.forgetFiles(entry);
      snapshots.add(entry.snapshot); // nobody can come to use it: it was of this entry only
    }
  }

  private boolean hasChildren(RefRecord entry) {
    return manager.table().hasChildren(entry, gone);
  }

  private Optional<RefRecord> next(RefTable table) {
    for (RefRecord parent = freedParents.poll(); parent != null; parent = freedParents.poll()) {
      if (!parent.dead && !gone.contains(parent.id)) {
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
    return entry.refs == 0
        && !entry.isHiddenTwin()
        && (twin == null || (twin.refs == 0 && !hasChildren(twin)))
        && (options.all() || !isInternal(entry.recordType))
        && entry.lastUsedMillis <= cutoff;
  }

  private static boolean isInternal(String recordType) {
    return recordType.equals(RefOptions.INTERNAL) || recordType.equals(RefOptions.FRONTEND);
  }

  /** Why a record stays after a trial; empty if it would not. */
  Optional<String> reasonToKeep(UsageRecord record) {
    RefTable table = manager.table();
    synchronized (table) {
      Optional<RefRecord> found = table.find(record.id());
      if (found.isEmpty() || gone.contains(record.id())) {
        return Optional.empty();
      }
      RefRecord entry = found.get();
      RefRecord twin = entry.twin;
      if (entry.refs > 0 || (twin != null && twin.refs > 0)) {
        return Optional.of("in use");
      }
      if (!options.all() && isInternal(entry.recordType)) {
        return Optional.of("of type " + entry.recordType + ", which goes only with --all");
      }
      if (!options.filter().test(record)) {
        return Optional.of("no filter matches");
      }
      if (entry.lastUsedMillis > cutoff) {
        return Optional.of(
            "used " + seconds(now - entry.lastUsedMillis) + " ago, within the duration to keep");
      }
      if (hasChildren(entry) || (twin != null && hasChildren(twin))) {
        return Optional.of("others that stay build upon it");
      }
      return Optional.of("within the space to keep");
    }
  }

  /** As Go prints durations of whole seconds. */
  private static String seconds(long millis) {
    return Duration.ofSeconds(Math.max(0, millis) / 1_000)
        .toString()
        .substring(2)
        .toLowerCase(Locale.ROOT);
  }
}
