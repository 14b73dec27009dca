package dev.buildd.cache;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.error.Defects;
import dev.buildd.base.linux.FileFailures;
import dev.buildd.base.text.Ids;
import dev.buildd.cache.RefRecord.Kind;
import dev.buildd.cache.contenthash.ContentHash;
import dev.buildd.snapshot.Snapshotter;
import dev.buildd.snapshot.Written;
import dev.buildd.snapshot.layer.Differ;
import dev.buildd.snapshot.store.MetadataStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps refs: who holds them, what they build upon, what they take, and which may go.
 *
 * <p>A ref's record and its snapshot's are written in one batch after the files are complete. What
 * has no record at the next start never was: its files are removed.
 *
 * <p>Safe for use by many threads.
 */
public final class CacheManager implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(CacheManager.class);
  private static final long FLUSH_SECONDS = 5;
  private static final int HASH_TREES = 64;

  private final MetadataStore store;
  private final Snapshotter snapshotter;
  private final Differ differ;
  private final Clock clock;
  private final RefTable table; // its monitor guards the entries, and what says so below
  private final RefMounts mounts;
  private final LazyRefs lazy = new LazyRefs(this);
  private final DiskUsage usage;

  /** Content hashes by snapshot, those used last; guarded by the table. */
  private final Map<String, ContentHash> hashes =
      new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, ContentHash> eldest) {
          return size() > HASH_TREES;
        }
      };

  private final List<BiConsumer<List<String>, String>> removalListeners =
      new CopyOnWriteArrayList<>();

  private final ScheduledFuture<?> flusher;

  private CacheManager(
      Path root, MetadataStore store, Snapshotter snapshotter, Differ differ, Clock clock)
      throws Exception {
    this.store = store;
    this.snapshotter = snapshotter;
    this.differ = differ;
    this.clock = clock;
    Files.createDirectories(root);
    Path real = root.toRealPath();
    table = new RefTable(store, clock, snapshotter::contains);
    mounts = new RefMounts(real.resolve("mounts"), snapshotter, table);
    usage = new DiskUsage(real, snapshotter, table);
    if (store.needsCheck()) {
      removeUnused();
    }
    flusher =
        Threads.timer()
            .scheduleWithFixedDelay(
                () -> Cleanup.run("note uses of refs", this::writeUses),
                FLUSH_SECONDS,
                FLUSH_SECONDS,
                TimeUnit.SECONDS);
  }

  public static CacheManager open(
      Path root, MetadataStore store, Snapshotter snapshotter, Differ differ, Clock clock) {
    return FileFailures.wrap(
        "open cache " + root,
        () ->
            Threads.nativeCalls()
                .callUninterruptibly(
                    () -> new CacheManager(root, store, snapshotter, differ, clock)));
  }

  /** Snapshots without a ref: they have no use after a death or damage. */
  private void removeUnused() {
    Set<String> unused = new HashSet<>(snapshotter.ids());
    table.forEachSnapshot(unused::remove);
    remove(unused);
  }

  /** Removes snapshots that have no ref any more, those built upon others first. */
  private void remove(Collection<String> snapshots) {
    List<String> newestFirst = new ArrayList<>(snapshots);
    newestFirst.sort(Comparator.comparingLong((String id) -> Long.parseLong(id)).reversed());
    if (!newestFirst.isEmpty()) {
      log.info("snapshots without a ref are removed ids={}", newestFirst);
      try {
        snapshotter.remove(newestFirst);
      } catch (BuildException e) {
        log.warn("snapshots without a ref stay", e);
      }
    }
  }

  RefTable table() {
    return table;
  }

  RefMounts mounts() {
    return mounts;
  }

  Snapshotter snapshotter() {
    return snapshotter;
  }

  Differ differ() {
    return differ;
  }

  MetadataStore.Batch batch() {
    return store.batch();
  }

  LazyRefs lazy() {
    return lazy;
  }

  // --- opening ---

  /** A hold on an immutable ref, to look at what is noted with it or to use files that are here. */
  public ImmutableRef get(String id) {
    return get(id, LayerProvider.NONE);
  }

  /**
   * A hold on an immutable ref.
   *
   * @param provider brings layers that are not here yet
   */
  public ImmutableRef get(String id, LayerProvider provider) {
    synchronized (table) {
      RefRecord entry = table.get(id);
      if (entry.mutable) {
        throw new BuildException(Category.FAILED_PRECONDITION, "ref " + id + " is mutable");
      }
      return hold(entry, provider);
    }
  }

  /** One more hold on an immutable ref's entry. */
  ImmutableRef hold(RefRecord entry, LayerProvider provider) {
    synchronized (table) {
      table.hold(entry);
      // what is here has all that it was made of here too; nothing is kept alive for it
      return new HeldRef.Immutable(this, entry, entry.isLazy() ? provider : LayerProvider.NONE);
    }
  }

  /**
   * A ref of a layer whose blob is known. It has no files before somebody wants them, and is
   * durable no later than what is noted after it.
   */
  ImmutableRef newLazy(
      Optional<ImmutableRef> parent,
      RefOptions options,
      Map<String, byte[]> values,
      LayerProvider provider) {
    List<RefRecord> parents = parent.map(p -> List.of(settled(p))).orElse(List.of());
    RefRecord entry = newEntry(Kind.LAYER, "", parents, options);
    MetadataStore.Batch batch = store.batch();
    synchronized (table) {
      table.register(entry);
      table.record(entry, batch);
      values.forEach((key, value) -> table.putValue(entry, key, value, batch));
    }
    batch.commitLater();
    return new HeldRef.Immutable(this, entry, provider);
  }

  /** A new mutable ref that begins as its parent, or empty. */
  public MutableRef newMutable(Optional<ImmutableRef> parent, RefOptions options) {
    List<RefRecord> parents = parent.map(p -> List.of(finished(p))).orElse(List.of());
    String snapshot = snapshotter.prepare(parents.stream().map(p -> p.snapshot).findFirst());
    return newMutable(snapshot, parents, options);
  }

  /**
   * A new mutable ref that begins empty and will hold a few small files only. It may cost no file
   * on disk; it cannot be retained.
   */
  public MutableRef newSmall(RefOptions options) {
    return newMutable(snapshotter.prepareSmall(), List.of(), options);
  }

  private MutableRef newMutable(String snapshot, List<RefRecord> parents, RefOptions options) {
    RefRecord entry = newEntry(Kind.LAYER, snapshot, parents, options);
    entry.mutable = true;
    entry.fresh = parents.isEmpty();
    entry.retain = options.retain();
    synchronized (table) {
      table.register(entry);
    }
    if (entry.retain) {
      record(entry, () -> snapshotter.keep(snapshot));
    }
    return new HeldRef.Mutable(this, entry);
  }

  /**
   * Writes the entry's row beside its snapshot's; both are durable when this returns. A row without
   * a snapshot, should the process die between, is dropped at the next start. If it fails, the
   * entry is no more.
   */
  private void record(RefRecord entry, Supplier<Written> keeping) {
    MetadataStore.Batch batch = store.batch();
    try {
      Written snapshot = keeping.get();
      synchronized (table) {
        table.record(entry, batch);
      }
      MetadataStore.Commit row = batch.commitLater();
      snapshot.await();
      row.await();
    } catch (RuntimeException e) {
      abandon(entry);
      throw e;
    }
  }

  /** Forgets an entry that could not be written, with its files. */
  private void abandon(RefRecord entry) {
    Cleanup.run(
        "remove ref " + entry.id,
        () -> {
          MetadataStore.Batch batch = store.batch().freesSpace();
          synchronized (table) {
            table.removeWithFiles(entry, batch);
            forgetFiles(entry);
          }
          batch.commit();
          if (!entry.isLazy()) {
            snapshotter.remove(List.of(entry.snapshot));
          }
        });
  }

  private RefRecord newEntry(
      Kind kind, String snapshot, List<RefRecord> parents, RefOptions options) {
    RefRecord entry =
        new RefRecord(
            Ids.random(),
            kind,
            snapshot,
            parents,
            options.createdAt().orElseGet(clock::instant),
            options.description(),
            options.recordType());
    entry.indexes.putAll(options.indexes());
    entry.refs = 1;
    return entry;
  }

  /** Opens a mutable ref that nobody holds. */
  public MutableRef getMutable(String id) {
    removeUndeleted(); // or its files, once they change, would be those of an earlier result again
    MetadataStore.Batch batch = store.batch();
    @Nullable RefRecord outdated;
    RefRecord entry;
    synchronized (table) {
      entry = table.unusedMutable(id);
      outdated = entry.twin;
      table.hold(entry);
      entry.size = -1;
      if (outdated != null) {
        table.removeTwin(outdated, entry, batch);
      }
    }
    try {
      batch.commit();
    } catch (RuntimeException e) {
      synchronized (table) {
        table.release(entry);
      }
      throw e;
    }
    if (outdated != null) {
      removed(List.of(outdated.id), "a later version of it");
    }
    return new HeldRef.Mutable(this, entry);
  }

  /** The ids of the refs that bear a value under an index, oldest first. */
  public List<String> search(String index, String value) {
    return table.search(index, value);
  }

  /** The refs laid over one another, the last on top, with their deletions. */
  public ImmutableRef merge(List<ImmutableRef> parents, RefOptions options) {
    return derived(Kind.MERGE, parents, options);
  }

  /** What has to be applied to {@code lower} to obtain {@code upper}. */
  public ImmutableRef diff(
      Optional<ImmutableRef> lower, Optional<ImmutableRef> upper, RefOptions options) {
    Kind kind =
        lower.isPresent() && upper.isPresent()
            ? Kind.DIFF_BOTH
            : lower.isPresent() ? Kind.DIFF_LOWER : Kind.DIFF_UPPER;
    List<ImmutableRef> parents = new ArrayList<>();
    lower.ifPresent(parents::add);
    upper.ifPresent(parents::add);
    return derived(kind, parents, options);
  }

  /** Made of others: at once if their files are here, else when its own are wanted. */
  private ImmutableRef derived(Kind kind, List<ImmutableRef> refs, RefOptions options) {
    List<RefRecord> parents = refs.stream().map(this::settled).toList();
    RefRecord entry = newEntry(kind, "", parents, options);
    if (parents.stream().noneMatch(RefRecord::isLazy)) {
      entry.snapshot = derivedSnapshot(entry);
    }
    synchronized (table) {
      table.register(entry);
    }
    record(entry, () -> entry.isLazy() ? Written.DONE : snapshotter.keep(entry.snapshot));
    return new HeldRef.Immutable(
        this,
        entry,
        LayerProvider.anyOf(refs.stream().map(ref -> heldBy(ref).provider()).toList()));
  }

  private String derivedSnapshot(RefRecord entry) {
    List<String> parents = entry.parents.stream().map(parent -> parent.snapshot).toList();
    return switch (entry.kind) {
      case MERGE -> snapshotter.merge(parents);
      case DIFF_LOWER -> diff(Optional.of(parents.getFirst()), Optional.empty());
      case DIFF_UPPER -> diff(Optional.empty(), Optional.of(parents.getFirst()));
      case DIFF_BOTH -> diff(Optional.of(parents.getFirst()), Optional.of(parents.getLast()));
      case LAYER -> throw new IllegalStateException("not derived from others: " + entry.id);
    };
  }

  private String diff(Optional<String> lower, Optional<String> upper) {
    return FileFailures.wrap(
        "diff",
        () -> Threads.nativeCalls().callUninterruptibly(() -> snapshotter.diff(lower, upper)));
  }

  /** Makes the files of a lazy entry that is derived from others, whose files are here. */
  void derive(RefRecord entry) {
    String snapshot = derivedSnapshot(entry);
    fill(entry, snapshot, () -> snapshotter.keep(snapshot), store.batch());
  }

  /**
   * Gives a lazy entry its files. If that cannot be written it stays lazy.
   *
   * @param batch with what else is to be written
   */
  private void fill(
      RefRecord entry, String snapshot, Supplier<Written> keeping, MetadataStore.Batch batch) {
    try {
      Written written = keeping.get();
      synchronized (table) {
        entry.snapshot = snapshot;
        table.record(entry, batch);
      }
      MetadataStore.Commit row = batch.commitLater();
      written.await();
      row.await();
    } catch (RuntimeException e) {
      synchronized (table) {
        entry.snapshot = "";
      }
      Cleanup.run("remove snapshot " + snapshot, () -> snapshotter.remove(List.of(snapshot)));
      throw e;
    }
  }

  /** Gives a lazy entry the files of a mutable ref, which is no more. */
  void adopt(RefRecord entry, MutableRef files) {
    if (!(files instanceof HeldRef.Mutable ref && ref.manager == this)) {
      throw new IllegalArgumentException("not a ref of this cache: " + files);
    }
    RefRecord made = ref.entry;
    made.files.lock();
    try {
      endWriting(ref);
      MetadataStore.Batch batch = store.batch();
      synchronized (table) {
        table.remove(made, batch);
      }
      fill(entry, made.snapshot, () -> snapshotter.commit(made.snapshot), batch);
    } finally {
      made.files.unlock();
    }
  }

  private HeldRef.Immutable heldBy(ImmutableRef ref) {
    if (ref instanceof HeldRef.Immutable ours && ours.manager == this) {
      return ours;
    }
    throw new IllegalArgumentException("not a ref of this cache: " + ref);
  }

  /** The ref's entry, settled, and its files here. */
  private RefRecord finished(ImmutableRef ref) {
    heldBy(ref).bring();
    return settled(ref);
  }

  /** The ref's entry, cut off from its mutable twin, so that others can build upon it. */
  private RefRecord settled(ImmutableRef ref) {
    RefRecord entry = heldBy(ref).open();
    entry.files.lock();
    try {
      RefRecord twin;
      MetadataStore.Batch batch = store.batch();
      synchronized (table) {
        twin = entry.twin;
        if (twin == null) {
          return entry;
        }
        table.removeTwin(twin, entry, batch);
      }
      Written snapshot = snapshotter.commit(entry.snapshot);
      batch.commit();
      snapshot.await();
      removed(List.of(twin.id), "a later version of it");
      return entry;
    } finally {
      entry.files.unlock();
    }
  }

  // --- what is done to a ref ---

  /** The snapshot of a ref, to be read as a layer: cut off from its mutable twin. */
  String snapshotOf(ImmutableRef ref) {
    return finished(ref).snapshot;
  }

  ImmutableRef commit(HeldRef.Mutable ref) {
    RefRecord entry = ref.entry;
    entry.files.lock();
    try {
      endWriting(ref);
      return new HeldRef.Immutable(
          this, entry.retain ? commitShared(entry) : commitWhole(entry), LayerProvider.NONE);
    } finally {
      entry.files.unlock();
    }
  }

  private void endWriting(HeldRef.Mutable ref) {
    synchronized (table) {
      RefRecord entry = ref.open();
      if (entry.refs > 1) {
        throw new BuildException(
            Category.FAILED_PRECONDITION, "ref " + entry.id + " is still mounted");
      }
      ref.end();
    }
  }

  private RefRecord commitWhole(RefRecord entry) {
    record(
        entry,
        () -> {
          Written snapshot = snapshotter.commit(entry.snapshot);
          synchronized (table) {
            entry.fresh = false;
            entry.mutable = false;
          }
          return snapshot;
        });
    return entry;
  }

  /** The result shares the snapshot until someone builds upon it or the mutable ref is reopened. */
  private RefRecord commitShared(RefRecord entry) {
    RefRecord result =
        new RefRecord(
            Ids.random(),
            entry.kind,
            entry.snapshot,
            entry.parents,
            clock.instant(),
            entry.description,
            entry.recordType);
    result.refs = 1;
    result.received = entry.received;
    MetadataStore.Batch batch = store.batch();
    synchronized (table) {
      result.twin = entry;
      entry.twin = result;
      table.register(result);
      entry.fresh = false;
      table.release(entry);
    }
    try {
      Written snapshot = snapshotter.keep(entry.snapshot);
      synchronized (table) {
        table.record(entry, batch);
        table.record(result, batch);
      }
      batch.commit();
      snapshot.await();
      return result;
    } catch (RuntimeException e) {
      Cleanup.run("forget ref " + result.id, () -> separate(entry, result));
      throw e;
    }
  }

  /** Leaves the mutable one of two refs that share a snapshot. */
  private void separate(RefRecord entry, RefRecord result) {
    MetadataStore.Batch batch = store.batch();
    synchronized (table) {
      table.removeTwin(result, entry, batch);
    }
    batch.commit();
  }

  ContentHash receive(RefRecord entry) {
    MetadataStore.Batch batch = store.batch();
    ContentHash hash;
    synchronized (table) {
      hash = entry.fresh ? ContentHash.received() : hashes.get(entry.snapshot);
      if (hash == null) {
        hash = ContentHash.receivedOnDisk();
      }
      hashes.put(entry.snapshot, hash);
      if (!entry.received) {
        entry.received = true;
        if (entry.recorded) {
          table.record(entry, batch);
        }
      }
    }
    batch.commit();
    return hash;
  }

  void retain(RefRecord entry, boolean retain) {
    MetadataStore.Batch batch = store.batch();
    Written snapshot = retain ? snapshotter.keep(entry.snapshot) : Written.DONE;
    synchronized (table) {
      if (entry.retain != retain) {
        entry.retain = retain;
        if (retain || entry.recorded) {
          table.record(entry, batch);
        }
      }
    }
    batch.commit();
    snapshot.await();
  }

  void index(RefRecord entry, String name, String value) {
    MetadataStore.Commit commit;
    synchronized (table) {
      MetadataStore.Batch batch = store.batch();
      table.index(entry, name, value, batch);
      commit = batch.commitLater();
    }
    commit.await();
  }

  /** Gives back the only hold on a mutable ref: it goes unless it is retained. */
  void release(RefRecord entry) {
    MetadataStore.Batch batch = store.batch();
    synchronized (table) {
      entry.fresh = false;
      hashes.remove(entry.snapshot); // what was received may be there in part only
      if (entry.retain) {
        table.release(entry);
        return;
      }
      table.removeWithFiles(entry, batch);
    }
    entry.files.lock();
    try {
      if (entry.mountUsers > 0) {
        log.warn("mutable ref released while mounted id={}", entry.id);
        Defects.met("mutable ref released while mounted: " + entry.id);
      }
      Cleanup.run(
          "remove ref " + entry.id,
          () -> {
            batch.freesSpace().commit();
            snapshotter.remove(List.of(entry.snapshot));
          });
    } finally {
      entry.files.unlock();
    }
  }

  ContentHash hashOf(RefRecord entry) {
    synchronized (table) {
      return hashes.computeIfAbsent(
          entry.snapshot,
          s -> entry.received ? ContentHash.receivedOnDisk() : ContentHash.onDisk());
    }
  }

  // --- what is there ---

  /** What refs take. */
  public DiskUsage usage() {
    return usage;
  }

  /** What the matching refs hold; sizes that nobody asked for yet are measured now. */
  public List<UsageRecord> diskUsage(Predicate<UsageRecord> filter) {
    return usage.records(filter);
  }

  /**
   * Removes what may go, children before parents, those used longest ago first, and tells of each.
   * Space is freed in the background.
   */
  public void prune(PruneOptions options, Consumer<UsageRecord> reader) {
    prune(options, 0, Pace.STEADY, reader);
  }

  /**
   * As {@link #prune(PruneOptions, Consumer)}, with regard for others.
   *
   * @param beside bytes that count as held beside the refs' files
   */
  public void prune(PruneOptions options, long beside, Pace pace, Consumer<UsageRecord> reader) {
    removeUndeleted();
    new Pruning(this, options, clock, false).run(usage.held(beside), usage.free(), pace, reader);
  }

  /**
   * What {@link #prune} would do: what would go, in that order, then what would stay and why.
   *
   * @param beside bytes that count as held beside the refs' files
   */
  public List<PlannedRecord> planPrune(PruneOptions options, long beside) {
    Pruning pruning = new Pruning(this, options, clock, true);
    List<PlannedRecord> out = new ArrayList<>();
    pruning.run(
        usage.held(beside),
        usage.free(),
        Pace.STEADY,
        record -> out.add(new PlannedRecord(record, Optional.empty())));
    for (UsageRecord record : usage.records(r -> true)) {
      pruning
          .reasonToKeep(record)
          .ifPresent(why -> out.add(new PlannedRecord(record, Optional.of(why))));
    }
    return out;
  }

  /** Under the table's monitor: forgets what is kept of the files of an entry that is no more. */
  void forgetFiles(RefRecord entry) {
    hashes.remove(entry.snapshot);
  }

  /** Calls the listener with the ids of refs that are no more, and who removed them. */
  public void onRemoval(BiConsumer<List<String>, String> listener) {
    removalListeners.add(listener);
  }

  /**
   * A listener that cannot take note, on a full disk say, spoils nothing for whoever removed it.
   */
  void removed(List<String> ids, String by) {
    for (BiConsumer<List<String>, String> listener : removalListeners) {
      Cleanup.run("tell that refs " + ids + " are gone", () -> listener.accept(ids, by));
    }
  }

  /** The number of holds, for tests and leak checks. */
  public int holds() {
    synchronized (table) {
      return table.holds();
    }
  }

  /**
   * Removes what could not be removed on a full disk.
   *
   * @throws BuildException if it still cannot
   */
  void removeUndeleted() {
    if (!table.hasUndeleted()) {
      return;
    }
    MetadataStore.Batch batch = store.batch().freesSpace();
    List<String> snapshots;
    synchronized (table) {
      snapshots = table.removeUndeleted(batch);
    }
    batch.commit();
    remove(snapshots);
  }

  private void writeUses() {
    synchronized (table) {
      table.writeUses();
    }
  }

  /** Writes what is only in memory. Refs still held keep their records, mounts are left alone. */
  @Override
  public void close() {
    flusher.cancel(false);
    writeUses();
    store.flush();
  }
}
