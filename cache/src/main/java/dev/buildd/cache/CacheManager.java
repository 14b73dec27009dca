package dev.buildd.cache;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.Linux;
import dev.buildd.cache.contenthash.ChecksumOptions;
import dev.buildd.cache.contenthash.ContentHash;
import dev.buildd.snapshot.Failures;
import dev.buildd.snapshot.LayerFiles;
import dev.buildd.snapshot.Mount;
import dev.buildd.snapshot.Snapshotter;
import dev.buildd.snapshot.store.Decoder;
import dev.buildd.snapshot.store.Encoder;
import dev.buildd.snapshot.store.MetadataStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Predicate;
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
  private static final String REFS = "ref";
  private static final String USES = "ref.use";
  private static final String VALUES = "ref.value";
  private static final String ID_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz";
  private static final SecureRandom RANDOM = new SecureRandom();
  private static final long FLUSH_SECONDS = 5;

  private static final int HASH_TREES = 64;

  /** How many refs are removed before others get a turn. */
  private static final int PRUNED_AT_ONCE = 100;

  /** How a ref came to be, for reading its layers off it. */
  private enum Kind {
    LAYER(0),
    MERGE(1),
    DIFF_LOWER(2),
    DIFF_UPPER(3),
    DIFF_BOTH(4);

    final int code;

    Kind(int code) {
      this.code = code;
    }

    static Kind of(int code) {
      for (Kind kind : values()) {
        if (kind.code == code) {
          return kind;
        }
      }
      throw new BuildException(Category.INTERNAL, "malformed ref record");
    }
  }

  /** One ref's record. Fields without a word are guarded by the manager. */
  private static final class Entry {
    final String id;
    final Kind kind;
    final String snapshot;
    final List<Entry> parents;
    final Instant createdAt;
    final String description;
    final String recordType;
    final Map<String, String> indexes = new LinkedHashMap<>();

    /** Held while files are mounted, unmounted or committed; never taken under the manager. */
    final ReentrantLock files = new ReentrantLock();

    boolean mutable;
    boolean retain;
    boolean recorded;
    boolean dead;

    /** Whether a client sent the files, of whose root directory it says nothing. */
    boolean received;

    /** Whether it began empty and has not been released since. */
    boolean fresh;

    int refs;
    int children;

    /** The mutable or immutable ref that has the same snapshot. */
    @Nullable Entry twin;

    long size = -1;
    int usageCount;
    long lastUsedMillis;

    // guarded by files
    @Nullable Path mountPoint;
    int mountUsers;

    Entry(
        String id,
        Kind kind,
        String snapshot,
        List<Entry> parents,
        Instant createdAt,
        String description,
        String recordType) {
      this.id = id;
      this.kind = kind;
      this.snapshot = snapshot;
      this.parents = List.copyOf(parents);
      this.createdAt = createdAt;
      this.description = description;
      this.recordType = recordType;
    }

    boolean isInUse() {
      return refs > 0;
    }
  }

  private final Path mountRoot;
  private final MetadataStore store;
  private final Snapshotter snapshotter;
  private final Clock clock;
  private final AtomicLong lastMount = new AtomicLong();
  private final Object lock = new Object();
  private final Map<String, Entry> entries = new HashMap<>(); // guarded by lock
  private final Map<String, Set<Entry>> byIndex = new HashMap<>(); // guarded by lock
  private final Set<Entry> used = new LinkedHashSet<>(); // uses not yet written; guarded by lock

  /** Content hashes by snapshot, those used last; guarded by lock. */
  private final Map<String, ContentHash> hashes =
      new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, ContentHash> eldest) {
          return size() > HASH_TREES;
        }
      };

  private final List<Consumer<String>> removalListeners =
      new java.util.concurrent.CopyOnWriteArrayList<>();
  private final ScheduledFuture<?> flusher;

  private CacheManager(Path root, MetadataStore store, Snapshotter snapshotter, Clock clock)
      throws Exception {
    this.store = store;
    this.snapshotter = snapshotter;
    this.clock = clock;
    Files.createDirectories(root);
    mountRoot = Files.createDirectories(root.toRealPath().resolve("mounts"));
    Mount.detachAllBelow(mountRoot);
    for (Path left : LayerFiles.list(mountRoot)) {
      Linux.rmdir(left); // nothing is mounted there any more, so it is empty
    }
    load();
    flusher =
        Threads.timer()
            .scheduleWithFixedDelay(
                () -> Cleanup.run("note uses of refs", this::writeUses),
                FLUSH_SECONDS,
                FLUSH_SECONDS,
                TimeUnit.SECONDS);
  }

  public static CacheManager open(
      Path root, MetadataStore store, Snapshotter snapshotter, Clock clock) {
    return Failures.wrap(
        "open cache " + root,
        () ->
            Threads.nativeCalls()
                .callUninterruptibly(() -> new CacheManager(root, store, snapshotter, clock)));
  }

  // --- records ---

  private void load() {
    Map<String, byte[]> rows = new LinkedHashMap<>(store.scan(REFS, ""));
    Set<String> snapshots = snapshotter.ids();
    MetadataStore.Batch dropped = store.batch();
    Set<String> refused = new HashSet<>();
    synchronized (lock) {
      for (String id : rows.keySet()) {
        load(id, rows, snapshots, refused);
      }
      for (String id : refused) {
        log.warn("ref without its files or parents, dropped id={}", id);
        dropped.delete(REFS, id);
      }
      store.scan(USES, "").forEach(this::loadUse);
      for (String key : store.scan(USES, "").keySet()) {
        if (!entries.containsKey(key)) {
          dropped.delete(USES, key);
        }
      }
      for (String key : store.scan(VALUES, "").keySet()) {
        if (!entries.containsKey(key.substring(0, Math.max(0, key.indexOf('/'))))) {
          dropped.delete(VALUES, key);
        }
      }
      entries.values().forEach(entry -> snapshots.remove(entry.snapshot));
    }
    dropped.commit();
    removeUnused(snapshots);
  }

  private @Nullable Entry load(
      String id, Map<String, byte[]> rows, Set<String> snapshots, Set<String> refused) {
    Entry known = entries.get(id);
    byte[] row = rows.get(id);
    if (known != null || row == null || refused.contains(id)) {
      return known;
    }
    Decoder in = new Decoder(row);
    int flags = in.oneByte();
    Kind kind = Kind.of(flags >> 3);
    String snapshot = in.text();
    List<Entry> parents = new ArrayList<>();
    for (String parent : in.texts()) {
      Entry loaded = load(parent, rows, snapshots, refused);
      if (loaded == null) {
        refused.add(id);
        return null;
      }
      parents.add(loaded);
    }
    if (!snapshots.contains(snapshot)) {
      refused.add(id);
      return null;
    }
    Instant createdAt = Instant.ofEpochSecond(in.number(), in.number());
    Entry entry = new Entry(id, kind, snapshot, parents, createdAt, in.text(), in.text());
    entry.mutable = (flags & 1) != 0;
    entry.retain = (flags & 2) != 0;
    entry.received = (flags & 4) != 0;
    entry.recorded = true;
    String twin = in.text();
    for (int left = (int) in.number(); left > 0; left--) {
      entry.indexes.put(in.text(), in.text());
    }
    if (!twin.isEmpty()) { // only the immutable one names it
      Entry other = load(twin, rows, snapshots, refused);
      if (other == null) {
        refused.add(id);
        return null;
      }
      entry.twin = other;
      other.twin = entry;
    }
    register(entry);
    return entry;
  }

  private void loadUse(String id, byte[] value) {
    Entry entry = entries.get(id);
    if (entry != null) {
      Decoder in = new Decoder(value);
      entry.usageCount = (int) in.number();
      entry.lastUsedMillis = in.number();
      entry.size = in.number();
    }
  }

  private void removeUnused(Set<String> snapshots) {
    MetadataStore.Batch batch = store.batch();
    List<String> newestFirst = new ArrayList<>(snapshots);
    newestFirst.sort(Comparator.comparingLong((String id) -> Long.parseLong(id)).reversed());
    for (String id : newestFirst) {
      log.info("snapshot without a ref removed id={}", id);
      snapshotter.remove(id, batch);
    }
    batch.commit();
  }

  /** Under the lock. */
  private void register(Entry entry) {
    entries.put(entry.id, entry);
    entry.parents.forEach(parent -> parent.children++);
    entry.indexes.forEach((name, value) -> indexed(name, value).add(entry));
  }

  private Set<Entry> indexed(String name, String value) {
    return byIndex.computeIfAbsent(name + "\0" + value, k -> new LinkedHashSet<>());
  }

  /** Under the lock. */
  private void unregister(Entry entry) {
    entry.dead = true;
    entries.remove(entry.id);
    used.remove(entry);
    entry.parents.forEach(parent -> parent.children--);
    entry.indexes.forEach((name, value) -> {
      Set<Entry> same = indexed(name, value);
      same.remove(entry);
      if (same.isEmpty()) {
        byIndex.remove(name + "\0" + value);
      }
    });
  }

  /** Under the lock. */
  private void record(Entry entry, MetadataStore.Batch batch) {
    entry.recorded = true;
    Entry twin = entry.twin;
    Encoder out =
        new Encoder()
            .oneByte(
                entry.kind.code << 3
                    | (entry.received ? 4 : 0)
                    | (entry.retain ? 2 : 0)
                    | (entry.mutable ? 1 : 0))
            .text(entry.snapshot)
            .texts(entry.parents.stream().map(parent -> parent.id).toList())
            .number(entry.createdAt.getEpochSecond())
            .number(entry.createdAt.getNano())
            .text(entry.description)
            .text(entry.recordType)
            .text(twin == null || entry.mutable ? "" : twin.id)
            .number(entry.indexes.size());
    entry.indexes.forEach((name, value) -> out.text(name).text(value));
    batch.put(REFS, entry.id, out.toBytes());
  }

  /** Under the lock. */
  private void erase(Entry entry, MetadataStore.Batch batch) {
    if (entry.recorded) {
      batch.delete(REFS, entry.id);
    }
    batch.delete(USES, entry.id);
    store.scan(VALUES, entry.id + "/").keySet().forEach(key -> batch.delete(VALUES, key));
  }

  private static String newId() {
    StringBuilder out = new StringBuilder(25);
    for (int i = 0; i < 25; i++) {
      out.append(ID_LETTERS.charAt(RANDOM.nextInt(ID_LETTERS.length())));
    }
    return out.toString();
  }

  private Entry newEntry(Kind kind, String snapshot, List<Entry> parents, RefOptions o) {
    Entry entry =
        new Entry(
            newId(), kind, snapshot, parents, clock.instant(), o.description(), o.recordType());
    entry.indexes.putAll(o.indexes());
    return entry;
  }

  // --- opening ---

  /** A hold on an immutable ref. */
  public ImmutableRef get(String id) {
    synchronized (lock) {
      Entry entry = entries.get(id);
      if (entry == null) {
        throw BuildException.notFound("ref " + id + " not found");
      }
      if (entry.mutable) {
        throw new BuildException(Category.FAILED_PRECONDITION, "ref " + id + " is mutable");
      }
      entry.refs++;
      return new Immutable(entry);
    }
  }

  /** A new mutable ref that begins as its parent, or empty. */
  public MutableRef newMutable(Optional<ImmutableRef> parent, RefOptions options) {
    List<Entry> parents = parent.map(p -> List.of(finished(p))).orElse(List.of());
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

  private MutableRef newMutable(String snapshot, List<Entry> parents, RefOptions options) {
    Entry entry = newEntry(Kind.LAYER, snapshot, parents, options);
    entry.mutable = true;
    entry.fresh = parents.isEmpty();
    entry.retain = options.retain();
    entry.refs = 1;
    MetadataStore.Batch batch = store.batch();
    synchronized (lock) {
      register(entry);
      if (entry.retain) {
        snapshotter.keep(snapshot, batch);
        record(entry, batch);
      }
    }
    batch.commit();
    return new Mutable(entry);
  }

  /** Opens a mutable ref that nobody holds. */
  public MutableRef getMutable(String id) {
    MetadataStore.Batch batch = store.batch();
    @Nullable Entry outdated;
    Entry entry;
    synchronized (lock) {
      entry = entries.get(id);
      if (entry == null) {
        throw BuildException.notFound("ref " + id + " not found");
      }
      if (!entry.mutable) {
        throw new BuildException(Category.FAILED_PRECONDITION, "ref " + id + " is not mutable");
      }
      outdated = entry.twin;
      if (entry.refs > 0
          || entry.files.isLocked()
          || (outdated != null && (outdated.refs > 0 || outdated.children > 0))) {
        throw new BuildException(Category.FAILED_PRECONDITION, "ref " + id + " is locked");
      }
      entry.refs = 1;
      entry.size = -1;
      if (outdated != null) {
        entry.twin = null;
        unregister(outdated);
        erase(outdated, batch);
      }
    }
    batch.commit();
    if (outdated != null) {
      removed(outdated.id);
    }
    return new Mutable(entry);
  }

  /** The ids of the refs that bear a value under an index, oldest first. */
  public List<String> search(String index, String value) {
    synchronized (lock) {
      Set<Entry> found = byIndex.get(index + "\0" + value);
      return found == null ? List.of() : found.stream().map(entry -> entry.id).toList();
    }
  }

  /** The refs laid over one another, the last on top, with their deletions. */
  public ImmutableRef merge(List<ImmutableRef> parents, RefOptions options) {
    List<Entry> all = parents.stream().map(this::finished).toList();
    MetadataStore.Batch batch = store.batch();
    String snapshot = snapshotter.merge(all.stream().map(p -> p.snapshot).toList(), batch);
    return derived(newEntry(Kind.MERGE, snapshot, all, options), batch);
  }

  /** What has to be applied to {@code lower} to obtain {@code upper}. */
  public ImmutableRef diff(
      Optional<ImmutableRef> lower, Optional<ImmutableRef> upper, RefOptions options) {
    Optional<Entry> below = lower.map(this::finished);
    Optional<Entry> above = upper.map(this::finished);
    List<Entry> parents = new ArrayList<>();
    below.ifPresent(parents::add);
    above.ifPresent(parents::add);
    Kind kind =
        below.isPresent() && above.isPresent()
            ? Kind.DIFF_BOTH
            : below.isPresent() ? Kind.DIFF_LOWER : Kind.DIFF_UPPER;
    MetadataStore.Batch batch = store.batch();
    String snapshot =
        Failures.wrap(
            "diff",
            () ->
                Threads.nativeCalls()
                    .callUninterruptibly(() ->
                        snapshotter.diff(
                            below.map(e -> e.snapshot), above.map(e -> e.snapshot), batch)));
    return derived(newEntry(kind, snapshot, parents, options), batch);
  }

  private ImmutableRef derived(Entry entry, MetadataStore.Batch batch) {
    entry.refs = 1;
    synchronized (lock) {
      register(entry);
      record(entry, batch);
    }
    batch.commit();
    return new Immutable(entry);
  }

  private Entry entryOf(ImmutableRef ref) {
    if (ref instanceof Immutable ours && ours.manager() == this) {
      return ours.open();
    }
    throw new IllegalArgumentException("not a ref of this cache: " + ref);
  }

  /** The ref's entry, cut off from its mutable twin, so that others can build upon it. */
  private Entry finished(ImmutableRef ref) {
    Entry entry = entryOf(ref);
    entry.files.lock();
    try {
      Entry twin;
      MetadataStore.Batch batch = store.batch();
      synchronized (lock) {
        twin = entry.twin;
        if (twin == null) {
          return entry;
        }
        entry.twin = null;
        unregister(twin);
        erase(twin, batch);
      }
      snapshotter.commit(entry.snapshot, batch);
      synchronized (lock) {
        record(entry, batch);
      }
      batch.commit();
      removed(twin.id);
      return entry;
    } finally {
      entry.files.unlock();
    }
  }

  /** Calls the listener with the id of every ref that is no more. */
  public void onRemoval(Consumer<String> listener) {
    removalListeners.add(listener);
  }

  private void removed(String id) {
    removalListeners.forEach(listener -> listener.accept(id));
  }

  // --- mounting ---

  private final class Held implements Mounted {
    private final Entry entry;
    private final Path path;
    private final boolean mounted;
    private boolean open = true;

    Held(Entry entry, Path path, boolean mounted) {
      this.entry = entry;
      this.path = path;
      this.mounted = mounted;
    }

    @Override
    public Path path() {
      return path;
    }

    @Override
    public void close() {
      synchronized (this) {
        if (!open) {
          return;
        }
        open = false;
      }
      unmount(entry, mounted);
      let(entry);
    }
  }

  private Mounted mount(Entry entry, boolean mutable) {
    synchronized (lock) {
      entry.refs++;
    }
    try {
      entry.files.lock();
      try {
        Path shared = entry.mountPoint;
        if (shared != null) {
          entry.mountUsers++;
          return new Held(entry, shared, true);
        }
        boolean pinned = entry.mountUsers > 0;
        if (!pinned) {
          snapshotter.pin(entry.snapshot);
        }
        try {
          Held held = mounted(entry, mutable);
          entry.mountUsers++;
          pinned = true;
          return held;
        } finally {
          if (!pinned) {
            snapshotter.unpin(entry.snapshot);
          }
        }
      } finally {
        entry.files.unlock();
      }
    } catch (RuntimeException | Error e) {
      let(entry);
      throw e;
    }
  }

  private Held mounted(Entry entry, boolean mutable) {
    List<Mount> mounts =
        mutable ? snapshotter.mounts(entry.snapshot) : snapshotter.view(entry.snapshot);
    Optional<Path> directory =
        mounts.size() == 1 ? mounts.getFirst().directory() : Optional.empty();
    if (directory.isPresent()) {
      return new Held(entry, directory.get(), false);
    }
    Path point = mountRoot.resolve(Long.toString(lastMount.incrementAndGet()));
    Failures.run(
        "mount ref " + entry.id,
        () ->
            Threads.nativeCalls()
                .callUninterruptibly(() -> {
                  mountAt(mounts, point);
                  return true;
                }));
    entry.mountPoint = point;
    return new Held(entry, point, true);
  }

  private static void mountAt(List<Mount> mounts, Path point) throws Exception {
    Linux.mkdir(point, 0700);
    try {
      for (Mount mount : mounts) {
        mount.at(point);
      }
    } catch (Exception e) {
      Cleanup.run(
          "unmount " + point,
          () -> {
            Mount.detachAllBelow(point);
            Linux.rmdir(point);
          });
      throw e;
    }
  }

  private void unmount(Entry entry, boolean mounted) {
    entry.files.lock();
    try {
      Path point = entry.mountPoint;
      if (--entry.mountUsers > 0) {
        return;
      }
      snapshotter.unpin(entry.snapshot);
      if (!mounted || point == null) {
        return;
      }
      entry.mountPoint = null;
      Cleanup.run(
          "unmount " + point,
          () ->
              Threads.nativeCalls()
                  .callUninterruptibly(() -> {
                    Linux.umount(point, Linux.MNT_DETACH | Linux.UMOUNT_NOFOLLOW);
                    Linux.rmdir(point);
                    return true;
                  }));
    } finally {
      entry.files.unlock();
    }
  }

  /** Gives back one hold. */
  private void let(Entry entry) {
    synchronized (lock) {
      entry.refs--;
      touch(entry);
    }
  }

  /** Under the lock. */
  private void touch(Entry entry) {
    if (!entry.dead) {
      entry.usageCount++;
      entry.lastUsedMillis = clock.millis();
      used.add(entry);
    }
  }

  /** Writes down how often and when refs were used since the last time. */
  private void writeUses() {
    MetadataStore.Batch batch = store.batch();
    synchronized (lock) {
      for (Entry entry : used) {
        if (entry.recorded) {
          batch.put(
              USES,
              entry.id,
              new Encoder()
                  .number(entry.usageCount)
                  .number(entry.lastUsedMillis)
                  .number(entry.size)
                  .toBytes());
        }
      }
      used.clear();
      batch.commitLater(); // in the lock, lest a removed ref's uses be written after its removal
    }
  }

  private long size(Entry entry) {
    synchronized (lock) {
      if (entry.size >= 0) {
        return entry.size;
      }
    }
    long measured;
    try {
      measured =
          Failures.wrap(
              "measure ref " + entry.id,
              () ->
                  Threads.nativeCalls()
                      .callUninterruptibly(() -> snapshotter.usage(entry.snapshot).bytes()));
    } catch (BuildException e) {
      synchronized (lock) {
        if (entry.dead) {
          return 0; // removed meanwhile
        }
      }
      throw e;
    }
    synchronized (lock) {
      if (!entry.dead && !(entry.mutable && entry.refs > 0)) {
        entry.size = measured;
        used.add(entry);
      }
    }
    return measured;
  }

  private ContentHash hashOf(Entry entry) {
    synchronized (lock) {
      return hashes.computeIfAbsent(
          entry.snapshot,
          s -> entry.received ? ContentHash.receivedOnDisk() : ContentHash.onDisk());
    }
  }

  private void putValue(Entry entry, String key, byte[] value) {
    synchronized (lock) {
      if (!entry.dead) {
        store.batch().put(VALUES, entry.id + "/" + key, value).commitLater();
      }
    }
  }

  private Optional<byte[]> getValue(Entry entry, String key) {
    return store.get(VALUES, entry.id + "/" + key);
  }

  private void index(Entry entry, String name, String value) {
    MetadataStore.Commit commit;
    synchronized (lock) {
      String before = entry.indexes.put(name, value);
      if (before != null) {
        indexed(name, before).remove(entry);
      }
      indexed(name, value).add(entry);
      MetadataStore.Batch batch = store.batch();
      if (entry.recorded) {
        record(entry, batch);
      }
      commit = batch.commitLater();
    }
    commit.await();
  }

  private final class Immutable implements ImmutableRef {
    private final Entry entry;
    private boolean open = true; // guarded by lock

    Immutable(Entry entry) {
      this.entry = entry;
    }

    CacheManager manager() {
      return CacheManager.this;
    }

    Entry open() {
      synchronized (lock) {
        if (!open) {
          throw new IllegalStateException("ref " + entry.id + " is closed");
        }
        return entry;
      }
    }

    @Override
    public String id() {
      return entry.id;
    }

    @Override
    public ImmutableRef share() {
      synchronized (lock) {
        open().refs++;
        return new Immutable(entry);
      }
    }

    @Override
    public Mounted mount() {
      return CacheManager.this.mount(open(), false);
    }

    @Override
    public List<Mount> mounts() {
      return snapshotter.view(open().snapshot);
    }

    @Override
    public long size() {
      return CacheManager.this.size(open());
    }

    @Override
    public String description() {
      return entry.description;
    }

    @Override
    public Digest checksum(String path, ChecksumOptions options) {
      Entry held = open();
      return hashOf(held).checksum(path, options, () -> CacheManager.this.mount(held, false));
    }

    @Override
    public List<ImmutableRef> layerChain() {
      synchronized (lock) {
        List<Entry> layers = layersOf(open());
        layers.forEach(layer -> layer.refs++);
        return layers.stream().<ImmutableRef>map(Immutable::new).toList();
      }
    }

    @Override
    public void put(String key, byte[] value) {
      putValue(open(), key, value);
    }

    @Override
    public Optional<byte[]> get(String key) {
      return getValue(entry, key);
    }

    @Override
    public void index(String name, String value) {
      CacheManager.this.index(open(), name, value);
    }

    @Override
    public void close() {
      synchronized (lock) {
        if (open) {
          open = false;
          let(entry);
        }
      }
    }

    @Override
    public String toString() {
      return "ref " + entry.id;
    }
  }

  private static List<Entry> layersOf(Entry entry) {
    List<Entry> out = new ArrayList<>();
    switch (entry.kind) {
      case LAYER -> {
        entry.parents.forEach(parent -> out.addAll(layersOf(parent)));
        out.add(entry);
      }
      case MERGE -> entry.parents.forEach(parent -> out.addAll(layersOf(parent)));
      case DIFF_UPPER -> entry.parents.forEach(parent -> out.addAll(layersOf(parent)));
      case DIFF_LOWER -> out.add(entry);
      case DIFF_BOTH -> {
        List<Entry> below = layersOf(entry.parents.getFirst());
        List<Entry> above = layersOf(entry.parents.getLast());
        if (above.size() >= below.size() && above.subList(0, below.size()).equals(below)) {
          out.addAll(above.subList(below.size(), above.size()));
        } else {
          out.add(entry);
        }
      }
    }
    return out;
  }

  private final class Mutable implements MutableRef {
    private final Entry entry;
    private boolean open = true; // guarded by lock

    Mutable(Entry entry) {
      this.entry = entry;
    }

    private Entry open() {
      synchronized (lock) {
        if (!open) {
          throw new IllegalStateException("ref " + entry.id + " is closed");
        }
        return entry;
      }
    }

    @Override
    public String id() {
      return entry.id;
    }

    @Override
    public Mounted mount() {
      return CacheManager.this.mount(open(), true);
    }

    @Override
    public List<Mount> mounts() {
      return snapshotter.mounts(open().snapshot);
    }

    @Override
    public ImmutableRef commit() {
      Entry result;
      entry.files.lock();
      try {
        synchronized (lock) {
          open();
          if (entry.refs > 1) {
            throw new BuildException(
                Category.FAILED_PRECONDITION, "ref " + entry.id + " is still mounted");
          }
          open = false;
        }
        result = entry.retain ? commitShared(entry) : commitWhole(entry);
      } finally {
        entry.files.unlock();
      }
      return new Immutable(result);
    }

    @Override
    public ContentHash receive() {
      MetadataStore.Batch batch = store.batch();
      ContentHash hash;
      synchronized (lock) {
        open();
        hash = entry.fresh ? ContentHash.received() : hashes.get(entry.snapshot);
        if (hash == null) {
          hash = ContentHash.receivedOnDisk();
        }
        hashes.put(entry.snapshot, hash);
        if (!entry.received) {
          entry.received = true;
          if (entry.recorded) {
            record(entry, batch);
          }
        }
      }
      batch.commit();
      return hash;
    }

    @Override
    public void retain(boolean retain) {
      MetadataStore.Batch batch = store.batch();
      synchronized (lock) {
        open();
        if (entry.retain != retain) {
          entry.retain = retain;
          if (retain) {
            snapshotter.keep(entry.snapshot, batch);
          }
          if (retain || entry.recorded) {
            record(entry, batch);
          }
        }
      }
      batch.commit();
    }

    @Override
    public void put(String key, byte[] value) {
      putValue(open(), key, value);
    }

    @Override
    public Optional<byte[]> get(String key) {
      return getValue(entry, key);
    }

    @Override
    public void index(String name, String value) {
      CacheManager.this.index(open(), name, value);
    }

    @Override
    public void close() {
      synchronized (lock) {
        if (!open) {
          return;
        }
        open = false;
      }
      release(entry);
    }

    @Override
    public String toString() {
      return "mutable ref " + entry.id;
    }
  }

  private Entry commitWhole(Entry entry) {
    MetadataStore.Batch batch = store.batch();
    snapshotter.commit(entry.snapshot, batch);
    synchronized (lock) {
      entry.fresh = false;
      entry.mutable = false;
      record(entry, batch);
    }
    batch.commit();
    return entry;
  }

  /** The result shares the snapshot until someone builds upon it or the mutable ref is reopened. */
  private Entry commitShared(Entry entry) {
    Entry result =
        new Entry(
            newId(),
            entry.kind,
            entry.snapshot,
            entry.parents,
            clock.instant(),
            entry.description,
            entry.recordType);
    result.refs = 1;
    result.received = entry.received;
    MetadataStore.Batch batch = store.batch();
    snapshotter.keep(entry.snapshot, batch);
    synchronized (lock) {
      result.twin = entry;
      entry.twin = result;
      register(result);
      record(entry, batch);
      record(result, batch);
      entry.fresh = false;
      let(entry);
    }
    batch.commit();
    return result;
  }

  private void release(Entry entry) {
    MetadataStore.Batch batch = store.batch();
    synchronized (lock) {
      entry.fresh = false;
      hashes.remove(entry.snapshot); // what was received may be there in part only
      if (entry.retain) {
        let(entry);
        return;
      }
      unregister(entry);
      erase(entry, batch);
    }
    entry.files.lock();
    try {
      if (entry.mountUsers > 0) {
        log.warn("mutable ref released while mounted id={}", entry.id);
      }
      Cleanup.run("remove ref " + entry.id, () -> snapshotter.remove(entry.snapshot, batch));
    } finally {
      entry.files.unlock();
    }
    if (entry.recorded) {
      batch.commit();
    }
  }

  // --- what is there ---

  /** What the matching refs hold; sizes that nobody asked for yet are measured now. */
  public List<UsageRecord> diskUsage(Predicate<UsageRecord> filter) {
    List<Entry> all;
    synchronized (lock) {
      all = entries.values().stream().filter(entry -> !isHiddenTwin(entry)).toList();
    }
    for (Entry entry : all) {
      size(entry);
    }
    List<UsageRecord> out = new ArrayList<>();
    synchronized (lock) {
      Set<Entry> inUse = inUse();
      for (Entry entry : all) {
        if (!entry.dead) {
          out.add(describe(entry, inUse.contains(entry)));
        }
      }
    }
    out.removeIf(record -> !filter.test(record));
    out.sort(Comparator.comparing(UsageRecord::createdAt));
    return out;
  }

  /** One of two refs with the same snapshot is told of: the immutable one while it is in use. */
  private static boolean isHiddenTwin(Entry entry) {
    Entry twin = entry.twin;
    return twin != null && (entry.mutable ? twin.refs > 0 : entry.refs == 0);
  }

  /** Under the lock: what is held, and all it builds upon. */
  private Set<Entry> inUse() {
    Set<Entry> out = new HashSet<>();
    for (Entry entry : entries.values()) {
      if (entry.isInUse()) {
        addWithParents(entry, out);
      }
    }
    return out;
  }

  private static void addWithParents(Entry entry, Set<Entry> out) {
    List<Entry> queue = new ArrayList<>(List.of(entry));
    while (!queue.isEmpty()) {
      Entry next = queue.removeLast();
      if (out.add(next)) {
        queue.addAll(next.parents);
      }
    }
  }

  /** Under the lock. */
  private static UsageRecord describe(Entry entry, boolean inUse) {
    return new UsageRecord(
        entry.id,
        entry.mutable,
        inUse,
        entry.mutable && entry.refs > 0 ? 0 : Math.max(0, entry.size),
        entry.parents.stream().map(parent -> parent.id).toList(),
        entry.createdAt,
        entry.description,
        entry.usageCount,
        entry.lastUsedMillis == 0
            ? Optional.empty()
            : Optional.of(Instant.ofEpochMilli(entry.lastUsedMillis)),
        entry.recordType.isEmpty() ? RefOptions.REGULAR : entry.recordType,
        false);
  }

  /**
   * Removes what may go, children before parents, those used longest ago first, and tells of each.
   */
  public void prune(PruneOptions options, Consumer<UsageRecord> reader) {
    long held = 0;
    boolean limited =
        options.reservedSpace() > 0 || options.maxUsedSpace() > 0 || options.minFreeSpace() > 0;
    List<UsageRecord> sized = diskUsage(record -> true);
    long excess = Long.MAX_VALUE;
    if (limited) {
      for (UsageRecord record : sized) {
        held += record.size();
      }
      excess = excess(options, held);
    }
    while (excess > 0) {
      List<UsageRecord> gone = pruneOnce(options, excess);
      if (gone.isEmpty()) {
        return;
      }
      for (UsageRecord record : gone) {
        excess -= limited ? record.size() : 0;
        reader.accept(record);
      }
    }
  }

  private long excess(PruneOptions options, long held) {
    long excess = options.maxUsedSpace() > 0 ? held - options.maxUsedSpace() : 0;
    if (options.minFreeSpace() > 0) {
      long free = mountRoot.toFile().getUsableSpace();
      excess = Math.max(excess, options.minFreeSpace() - free);
    }
    if (options.maxUsedSpace() == 0 && options.minFreeSpace() == 0) {
      return held - options.reservedSpace();
    }
    return Math.min(excess, held - options.reservedSpace());
  }

  private List<UsageRecord> pruneOnce(PruneOptions options, long excess) {
    List<UsageRecord> gone = new ArrayList<>();
    List<Entry> removed = new ArrayList<>();
    MetadataStore.Batch batch = store.batch();
    synchronized (lock) {
      long cutoff = clock.millis() - options.keepDuration().toMillis();
      List<Entry> candidates =
          entries.values().stream()
              .filter(entry -> isPrunable(entry, options, cutoff))
              .sorted(
                  Comparator.<Entry>comparingLong(entry -> entry.lastUsedMillis)
                      .thenComparingInt(entry -> entry.usageCount))
              .toList();
      long freed = 0;
      for (Entry entry : candidates) {
        if (freed >= excess || gone.size() >= PRUNED_AT_ONCE) {
          break;
        }
        UsageRecord record = describe(entry, false);
        if (entry.children > 0 || !options.filter().test(record)) {
          continue;
        }
        Entry twin = entry.twin;
        if (twin != null) {
          twin.twin = null;
          unregister(twin);
          erase(twin, batch);
          removed.add(twin);
        }
        unregister(entry);
        erase(entry, batch);
        removed.add(entry);
        gone.add(record);
        freed += record.size();
        hashes.remove(entry.snapshot);
        // still in the lock: nobody can have come to hold it
        snapshotter.remove(entry.snapshot, batch);
      }
    }
    batch.commit();
    removed.forEach(entry -> removed(entry.id));
    return gone;
  }

  private static boolean isPrunable(Entry entry, PruneOptions options, long cutoff) {
    Entry twin = entry.twin;
    if (entry.refs > 0
        || entry.children > 0
        || isHiddenTwin(entry)
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

  /** The number of holds, for tests and leak checks. */
  public int holds() {
    synchronized (lock) {
      return entries.values().stream().mapToInt(entry -> entry.refs).sum();
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
