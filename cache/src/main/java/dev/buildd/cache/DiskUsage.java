package dev.buildd.cache;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.linux.FileFailures;
import dev.buildd.snapshot.Snapshotter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.ToLongFunction;

/**
 * What refs take of the disk, in bytes. A size is measured when it is first asked for, and then
 * known until the ref's files change.
 *
 * <p>Safe for use by many threads.
 */
public final class DiskUsage {
  private final Path root;
  private final Snapshotter snapshotter;
  private final RefTable table; // its monitor guards the entries

  /** The bytes of archives that go with an entry; told by who keeps them. */
  private volatile ToLongFunction<RefRecord> archives = entry -> 0;

  DiskUsage(Path root, Snapshotter snapshotter, RefTable table) {
    this.root = root;
    this.snapshotter = snapshotter;
    this.table = table;
  }

  /** The bytes of one entry's files; zero if it has none yet or is no more. */
  long of(RefRecord entry) {
    if (entry.isLazy()) {
      return 0;
    }
    synchronized (table) {
      if (entry.size >= 0) {
        return entry.size;
      }
    }
    long measured;
    try {
      measured =
          FileFailures.wrap(
              "measure ref " + entry.id,
              () ->
                  Threads.nativeCalls()
                      .callUninterruptibly(() -> snapshotter.usage(entry.snapshot).bytes()));
    } catch (BuildException e) {
      synchronized (table) {
        if (entry.dead) {
          return 0; // removed meanwhile
        }
      }
      throw e;
    }
    synchronized (table) {
      table.measured(entry, measured);
    }
    return measured;
  }

  /** The matching refs, oldest first; sizes that nobody asked for yet are measured now. */
  List<UsageRecord> records(Predicate<UsageRecord> filter) {
    List<RefRecord> all = new ArrayList<>();
    for (String id : table.ids()) {
      synchronized (table) {
        table.find(id).filter(entry -> !entry.isHiddenTwin()).ifPresent(all::add);
      }
    }
    for (RefRecord entry : all) {
      of(entry);
    }
    List<UsageRecord> out = new ArrayList<>();
    List<RefRecord> alive = new ArrayList<>();
    synchronized (table) {
      Set<RefRecord> inUse = table.inUse();
      for (RefRecord entry : all) {
        if (!entry.dead) {
          alive.add(entry);
          out.add(entry.describe(inUse.contains(entry)));
        }
      }
    }
    for (int i = 0; i < out.size(); i++) {
      out.set(i, withArchives(out.get(i), alive.get(i)));
    }
    out.removeIf(record -> !filter.test(record));
    out.sort(Comparator.comparing(UsageRecord::createdAt));
    return out;
  }

  /** Sees to it that records tell the bytes of archives too that go with them. */
  void countArchives(ToLongFunction<RefRecord> bytes) {
    archives = bytes;
  }

  UsageRecord withArchives(UsageRecord record, RefRecord entry) {
    long bytes = archives.applyAsLong(entry);
    return bytes == 0 ? record : record.withSize(record.size() + bytes);
  }

  /**
   * What goes into {@link PruneOptions#excess} as held.
   *
   * @param beside bytes that count as held beside the refs' files
   */
  public long held(long beside) {
    return measuredTotal() + beside;
  }

  /** What all refs take, as far as it has been measured; at no cost. */
  public long knownTotal() {
    synchronized (table) {
      return table.total();
    }
  }

  /** Bytes of the disk that are free for all. */
  public long free() {
    return root.toFile().getUsableSpace();
  }

  /** What all refs take; sizes that nobody asked for yet are measured now. */
  long measuredTotal() {
    for (String id : table.unmeasured()) {
      Optional<RefRecord> entry;
      synchronized (table) {
        entry = table.find(id);
      }
      entry.ifPresent(this::of);
    }
    synchronized (table) {
      table.writeUses();
      return table.total();
    }
  }
}
