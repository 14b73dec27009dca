package dev.buildd.cache;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.error.Defects;
import dev.buildd.cache.RefRow.Use;
import dev.buildd.snapshot.store.Decoder;
import dev.buildd.snapshot.store.Encoder;
import dev.buildd.snapshot.store.MetadataStore;
import dev.buildd.snapshot.store.Resident;
import dev.buildd.snapshot.store.Table;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which refs there are: rows of the store, and an entry in memory for each that somebody holds. A
 * ref that cannot be right, for its files or what it builds upon are gone, is dropped when it is
 * looked for. Everything here is called by who holds its monitor, which guards the entries too, if
 * it does not say otherwise.
 */
final class RefTable {
  private static final Logger log = LoggerFactory.getLogger(RefTable.class);
  private static final Table REFS = Table.REF;
  private static final Table USES = Table.REF_USE;
  private static final Table VALUES = Table.REF_VALUE;
  private static final byte[] NOTHING = new byte[0];
  private static final int AT_ONCE = 1_000;

  private final MetadataStore store;
  private final Clock clock;
  private final Predicate<String> snapshotIsThere;
  private final Resident<RefRecord> resident = new Resident<>();

  /** Removed, while their rows may still be there. */
  private final Set<String> gone = ConcurrentHashMap.newKeySet();

  private final Set<RefRecord> used = new LinkedHashSet<>(); // uses not yet written; pinned

  /** Removed, while their rows could not be deleted, for the disk was full. */
  private final Queue<Undeleted> undeleted = new ConcurrentLinkedQueue<>();

  /**
   * @param files whether its snapshot goes with it
   * @param twin whose row still names it as the other side
   */
  private record Undeleted(RefRecord entry, boolean files, Optional<RefRecord> twin) {}

  private long total; // of the sizes in the store

  RefTable(MetadataStore store, Clock clock, Predicate<String> snapshotIsThere) {
    this.store = store;
    this.clock = clock;
    this.snapshotIsThere = snapshotIsThere;
    Optional<byte[]> noted = store.get(Table.REF_TOTAL, NOTHING);
    total = noted.isPresent() ? new Decoder(noted.get()).number() : indexEarlier();
  }

  /** Writes the rows that earlier versions did not have. */
  private long indexEarlier() {
    Map<String, Use> uses = new HashMap<>();
    store.forEach(USES, (id, value) -> uses.put(id, Use.of(value)));
    long[] sum = {0};
    List<MetadataStore.Batch> batch = new ArrayList<>(List.of(store.batch()));
    int[] rows = {0};
    store.forEach(
        REFS,
        (id, value) -> {
          RefRow row = RefRow.of(value);
          Use use = uses.getOrDefault(id, Use.NONE);
          putIndexes(id, row, use, batch.getLast());
          sum[0] += use.bytes();
          if (!row.mutable() && !row.twin().isEmpty()) { // only this one named the other
            store
                .get(REFS, row.twin())
                .ifPresent(twin ->
                    batch.getLast().put(REFS, row.twin(), RefRow.of(twin).withTwin(id).toBytes()));
          }
          if (++rows[0] % AT_ONCE == 0) {
            batch.removeLast().commit();
            batch.add(store.batch());
          }
        });
    putTotal(batch.getLast(), sum[0]).commit();
    return sum[0];
  }

  private static MetadataStore.Batch putTotal(MetadataStore.Batch batch, long bytes) {
    return batch.put(Table.REF_TOTAL, NOTHING, new Encoder().number(bytes).toBytes());
  }

  private static void putIndexes(String id, RefRow row, Use use, MetadataStore.Batch batch) {
    row.parents().forEach(parent -> batch.put(Table.REF_CHILD, child(parent, id), NOTHING));
    row.indexes()
        .forEach((name, value) ->
            batch.put(Table.REF_INDEX, index(name, value, row.createdAt(), id), NOTHING));
    batch.put(Table.REF_ORDER, use.order(id), NOTHING);
    if (use.size() < 0 && !row.snapshot().isEmpty()) {
      batch.put(Table.REF_UNMEASURED, id, NOTHING);
    }
  }

  private static byte[] child(String parent, String id) {
    return new Encoder().text(parent).text(id).toBytes();
  }

  private static byte[] index(String name, String value, Instant createdAt, String id) {
    return new Encoder()
        .text(name)
        .text(value)
        .fixed(Math.max(0, createdAt.toEpochMilli()))
        .text(id)
        .toBytes();
  }

  // --- looking ---

  RefRecord get(String id) {
    return find(id).orElseThrow(() -> BuildException.notFound("ref " + id + " not found"));
  }

  /** The entry of a ref, read with all that it builds upon if it is not in memory. */
  Optional<RefRecord> find(String id) {
    Optional<RefRecord> known = known(id);
    return known.isPresent() ? known : new Loading().load(id);
  }

  private Optional<RefRecord> known(String id) {
    return resident.find(id).filter(entry -> !entry.dead);
  }

  /** Reads rows, parents before children, without recursion: chains may be long. */
  private final class Loading {
    private final Map<String, RefRecord> loaded = new HashMap<>(); // lest they are collected
    private final Set<String> refused = new HashSet<>();
    private final Set<String> begun = new HashSet<>();
    private final Deque<String> pending = new ArrayDeque<>();

    Optional<RefRecord> load(String wanted) {
      pending.push(wanted);
      while (!pending.isEmpty()) {
        String id = pending.peek();
        if (loaded.containsKey(id) || refused.contains(id)) {
          pending.pop();
          continue;
        }
        Optional<RefRecord> known = known(id);
        if (known.isPresent()) {
          loaded.put(id, known.get());
        } else {
          step(id);
        }
      }
      return Optional.ofNullable(loaded.get(wanted));
    }

    private void step(String id) {
      Optional<byte[]> bytes = gone.contains(id) ? Optional.empty() : store.get(REFS, id);
      if (bytes.isEmpty()) {
        refused.add(id);
        return;
      }
      RefRow row;
      Use use;
      try {
        row = RefRow.of(bytes.get());
        use = store.get(USES, id).map(Use::of).orElse(Use.NONE);
      } catch (BuildException e) {
        drop(id, "its record is damaged", Optional.empty());
        return;
      }
      List<String> missing =
          row.parents().stream()
              .filter(parent -> !loaded.containsKey(parent) && !refused.contains(parent))
              .toList();
      if (!missing.isEmpty() && begun.add(id)) {
        missing.forEach(pending::push);
        return;
      }
      if (!missing.isEmpty()) {
        drop(id, "it builds upon itself", Optional.of(row));
      } else if (row.parents().stream().anyMatch(refused::contains)) {
        drop(id, "what it builds upon is gone", Optional.of(row));
      } else if (!row.snapshot().isEmpty() && !snapshotIsThere.test(row.snapshot())) {
        drop(id, "its files are gone", Optional.of(row));
      } else {
        add(id, row, use);
      }
    }

    private void add(String id, RefRow row, Use use) {
      RefRecord entry = row.toEntry(id, row.parents().stream().map(loaded::get).toList());
      entry.stored = use;
      entry.usageCount = use.count();
      entry.lastUsedMillis = use.lastUsedMillis();
      entry.size = use.size();
      if (!row.twin().isEmpty()) {
        Optional<RefRecord> twin = known(row.twin()).or(() -> twin(row, entry));
        if (twin.isEmpty()) {
          drop(id, "its other side is gone", Optional.of(row));
          return;
        }
        entry.twin = twin.get();
        twin.get().twin = entry;
      }
      resident.add(id, entry);
      loaded.put(id, entry);
    }

    /** The ref with the same snapshot, which has the same parents. */
    private Optional<RefRecord> twin(RefRow row, RefRecord entry) {
      String id = row.twin();
      Optional<byte[]> bytes = gone.contains(id) ? Optional.empty() : store.get(REFS, id);
      return bytes.map(found -> {
        RefRecord twin = RefRow.of(found).toEntry(id, entry.parents);
        twin.stored = store.get(USES, id).map(Use::of).orElse(Use.NONE);
        twin.usageCount = twin.stored.count();
        twin.lastUsedMillis = twin.stored.lastUsedMillis();
        twin.size = twin.stored.size();
        resident.add(id, twin);
        return twin;
      });
    }

    private void drop(String id, String why, Optional<RefRow> row) {
      log.warn("ref dropped, {} id={}", why, id);
      refused.add(id);
      MetadataStore.Batch batch = store.batch();
      Use use = row.flatMap(r -> store.get(USES, id).map(Use::of)).orElse(Use.NONE);
      total -= use.bytes();
      deleteRows(id, row, use, batch);
      batch.commitLater();
      store.wantCheck(); // its files are nobody's now
    }
  }

  /** The ids of all refs; reads every row. Needs no monitor. */
  List<String> ids() {
    Set<String> out = new LinkedHashSet<>();
    store.forEach(REFS, (id, value) -> out.add(id));
    resident.pinned().stream().filter(entry -> !entry.dead).forEach(entry -> out.add(entry.id));
    out.removeAll(gone);
    return List.copyOf(out);
  }

  /** Hands over the names of all snapshots that refs have; reads every row. Needs no monitor. */
  void forEachSnapshot(Consumer<String> reader) {
    store.forEach(REFS, (id, value) -> reader.accept(RefRow.of(value).snapshot()));
  }

  /** The ids of the refs that bear a value under an index, oldest first. Needs no monitor. */
  List<String> search(String name, String value) {
    List<String> out = new ArrayList<>();
    store.scan(
        Table.REF_INDEX,
        new Encoder().text(name).text(value).toBytes(),
        (row, nothing) -> {
          Decoder in = new Decoder(row);
          in.text();
          in.text();
          in.fixed();
          String id = in.text();
          if (!gone.contains(id)) {
            out.add(id);
          }
          return true;
        });
    return out;
  }

  /**
   * Ids of refs, those used longest ago first, as far as uses have been written. Needs no monitor.
   *
   * @param from where the last such answer ended; empty at the beginning
   * @param until the time in milliseconds since the epoch after which they were used
   */
  Page order(byte[] from, long until, int most) {
    List<String> ids = new ArrayList<>();
    byte[][] end = {from};
    store.scan(
        Table.REF_ORDER,
        NOTHING,
        from,
        (row, nothing) -> {
          Decoder in = new Decoder(row);
          if (in.fixed() > until || ids.size() >= most) {
            return false;
          }
          in.fixed();
          ids.add(in.text());
          end[0] = java.util.Arrays.copyOf(row, row.length + 1); // the next possible key
          return true;
        });
    return new Page(ids, end[0]);
  }

  /** Some ids, and where the next ones begin. */
  record Page(List<String> ids, byte[] end) {}

  /** Refs whose sizes are not known. Needs no monitor. */
  List<String> unmeasured() {
    List<String> out = new ArrayList<>();
    store.forEach(Table.REF_UNMEASURED, (id, nothing) -> out.add(id));
    return out;
  }

  /** What all refs take whose uses have been written, in bytes. */
  long total() {
    return total;
  }

  /** Whether something builds upon the ref. */
  boolean hasChildren(RefRecord entry) {
    return hasChildren(entry, Set.of());
  }

  /**
   * Whether something builds upon the ref.
   *
   * @param without ids of what does not count
   */
  boolean hasChildren(RefRecord entry, Set<String> without) {
    if (entry.newChildren.get() > 0) {
      return true;
    }
    boolean[] found = {false};
    store.scan(
        Table.REF_CHILD,
        new Encoder().text(entry.id).toBytes(),
        (row, nothing) -> {
          Decoder in = new Decoder(row);
          in.text();
          String child = in.text();
          found[0] = !gone.contains(child) && !without.contains(child);
          return !found[0];
        });
    return found[0];
  }

  /** What is held, and all it builds upon. */
  Set<RefRecord> inUse() {
    Set<RefRecord> out = new HashSet<>();
    for (RefRecord entry : resident.pinned()) {
      if (entry.refs > 0) {
        addWithParents(entry, out);
      }
    }
    return out;
  }

  private static void addWithParents(RefRecord entry, Set<RefRecord> out) {
    List<RefRecord> queue = new ArrayList<>(List.of(entry));
    while (!queue.isEmpty()) {
      RefRecord next = queue.removeLast();
      if (out.add(next)) {
        queue.addAll(next.parents);
      }
    }
  }

  int holds() {
    return resident.pinned().stream().mapToInt(entry -> entry.refs).sum();
  }

  // --- changing ---

  /** Makes a new entry known; it has no row as yet, and is held as often as its count says. */
  void register(RefRecord entry) {
    resident.add(entry.id, entry);
    resident.pin(entry.id, entry); // for having no row
    for (int i = 0; i < entry.refs; i++) {
      resident.pin(entry.id, entry);
    }
    entry.newChild.set(true);
    entry.parents.forEach(parent -> parent.newChildren.incrementAndGet());
  }

  /**
   * The entry is no new child any more: it has a row that says whose it is, or is gone. Whichever
   * comes first, and the row may be lost after that.
   */
  private static void isNoNewChild(RefRecord entry) {
    if (entry.newChild.getAndSet(false)) {
      entry.parents.forEach(parent -> parent.newChildren.decrementAndGet());
    }
  }

  /** One more hold. */
  void hold(RefRecord entry) {
    entry.refs++;
    resident.pin(entry.id, entry);
  }

  /** Puts the entry's row into the batch. */
  void record(RefRecord entry, MetadataStore.Batch batch) {
    boolean first = !entry.recorded;
    RefRow row = RefRow.of(entry);
    batch.put(REFS, entry.id, row.toBytes());
    if (first) {
      entry.recorded = true;
      batch.ifLost(() -> entry.recorded = false);
      putIndexes(entry.id, row, entry.stored, batch);
    } else {
      resident.pin(entry.id, entry);
      batch.ifLost(() -> resident.unpin(entry.id));
      if (entry.size < 0 && !entry.isLazy()) {
        batch.put(Table.REF_UNMEASURED, entry.id, NOTHING);
      }
    }
    batch.afterwards(() -> {
      if (first) {
        isNoNewChild(entry);
      }
      resident.unpin(entry.id);
    });
  }

  void index(RefRecord entry, String name, String value, MetadataStore.Batch batch) {
    String before = entry.indexes.put(name, value);
    if (entry.recorded && !Objects.equals(before, value)) {
      if (before != null) {
        batch.delete(Table.REF_INDEX, index(name, before, entry.createdAt, entry.id));
      }
      batch.put(Table.REF_INDEX, index(name, value, entry.createdAt, entry.id), NOTHING);
      record(entry, batch);
    }
  }

  /** Forgets an entry, and its rows with the batch or with a later one. Its files stay. */
  void remove(RefRecord entry, MetadataStore.Batch batch) {
    remove(entry, batch, false, Optional.empty());
  }

  /** As {@link #remove}, of one of two refs that share a snapshot; the other's row changes too. */
  void removeTwin(RefRecord entry, RefRecord other, MetadataStore.Batch batch) {
    entry.twin = null;
    other.twin = null;
    remove(entry, batch, false, Optional.of(other));
    record(other, batch);
  }

  /**
   * Forgets an entry, and its rows with the batch; the caller then removes its files. If the batch
   * is lost, rows and files are those of {@link #removeUndeleted}.
   */
  void removeWithFiles(RefRecord entry, MetadataStore.Batch batch) {
    remove(entry, batch, true, Optional.empty());
  }

  private void remove(
      RefRecord entry, MetadataStore.Batch batch, boolean files, Optional<RefRecord> twin) {
    batch.ifLost(() -> undeleted.add(new Undeleted(entry, files, twin)));
    entry.dead = true;
    used.remove(entry);
    resident.forget(entry.id);
    isNoNewChild(entry);
    if (!entry.recorded) {
      deleteValues(entry.id, batch);
      return;
    }
    gone.add(entry.id);
    total -= entry.stored.bytes();
    deleteRows(entry.id, Optional.of(RefRow.of(entry)), entry.stored, batch);
    batch.afterwards(() -> gone.remove(entry.id));
  }

  /** Whether rows of removed entries are still there. Needs no monitor. */
  boolean hasUndeleted() {
    return !undeleted.isEmpty();
  }

  /**
   * Deletes with the batch what earlier ones could not.
   *
   * @return the snapshots that have to go afterwards
   */
  List<String> removeUndeleted(MetadataStore.Batch batch) {
    List<String> snapshots = new ArrayList<>();
    for (Undeleted left = undeleted.poll(); left != null; left = undeleted.poll()) {
      Undeleted each = left;
      RefRecord entry = each.entry;
      batch.ifLost(() -> undeleted.add(each));
      deleteRows(entry.id, Optional.of(RefRow.of(entry)), entry.stored, batch);
      batch.afterwards(() -> gone.remove(entry.id));
      each.twin.filter(twin -> !twin.dead).ifPresent(twin -> record(twin, batch));
      if (each.files && !entry.isLazy()) {
        snapshots.add(entry.snapshot);
      }
    }
    return snapshots;
  }

  private void deleteRows(String id, Optional<RefRow> known, Use use, MetadataStore.Batch batch) {
    batch.delete(REFS, id).delete(USES, id).delete(Table.REF_UNMEASURED, id);
    batch.delete(Table.REF_ORDER, use.order(id));
    known.ifPresent(row -> {
      row.parents().forEach(parent -> batch.delete(Table.REF_CHILD, child(parent, id)));
      row.indexes()
          .forEach((name, value) ->
              batch.delete(Table.REF_INDEX, index(name, value, row.createdAt(), id)));
    });
    deleteValues(id, batch);
    putTotal(batch, total);
  }

  private void deleteValues(String id, MetadataStore.Batch batch) {
    store.scan(
        VALUES,
        (id + "/").getBytes(java.nio.charset.StandardCharsets.UTF_8),
        (key, value) -> {
          batch.delete(VALUES, key);
          return true;
        });
  }

  void putValue(RefRecord entry, String key, byte[] value) {
    if (!entry.dead) {
      MetadataStore.Batch batch = store.batch();
      putValue(entry, key, value, batch);
      batch.commitLater();
    }
  }

  void putValue(RefRecord entry, String key, byte[] value, MetadataStore.Batch batch) {
    batch.put(VALUES, entry.id + "/" + key, value);
  }

  /** Of the values put for an entry, one; needs no monitor. */
  Optional<byte[]> value(RefRecord entry, String key) {
    return store.get(VALUES, entry.id + "/" + key);
  }

  /** Those values put for an entry whose keys begin so; needs no monitor. */
  List<byte[]> values(RefRecord entry, String prefix) {
    List<byte[]> out = new ArrayList<>();
    store.scan(
        VALUES,
        (entry.id + "/" + prefix).getBytes(java.nio.charset.StandardCharsets.UTF_8),
        (key, value) -> {
          out.add(value);
          return true;
        });
    return out;
  }

  // --- uses ---

  /** Gives back one hold. */
  void release(RefRecord entry) {
    if (entry.refs == 0) {
      log.error("ref given back that nobody held id={}", entry.id);
      Defects.met("ref given back that nobody held: " + entry.id);
      return;
    }
    entry.refs--;
    if (!entry.dead) {
      entry.usageCount++;
      entry.lastUsedMillis = clock.millis();
      addUsed(entry);
      resident.unpin(entry.id);
    }
  }

  /** Notes a size that was measured, unless the files may have changed since. */
  void measured(RefRecord entry, long size) {
    if (!entry.dead && !(entry.mutable && entry.refs > 0)) {
      entry.size = size;
      addUsed(entry);
    }
  }

  private void addUsed(RefRecord entry) {
    if (used.add(entry)) {
      resident.pin(entry.id, entry);
    }
  }

  /** Writes down how often and when refs were used since the last time, and their sizes. */
  void writeUses() {
    MetadataStore.Batch batch = store.batch();
    for (RefRecord entry : used) {
      if (entry.recorded) {
        Use now = new Use(entry.usageCount, entry.lastUsedMillis, entry.size);
        batch.delete(Table.REF_ORDER, entry.stored.order(entry.id));
        batch.put(Table.REF_ORDER, now.order(entry.id), NOTHING).put(USES, entry.id, now.toBytes());
        if (now.size() >= 0) {
          batch.delete(Table.REF_UNMEASURED, entry.id);
        }
        total += now.bytes() - entry.stored.bytes();
        entry.stored = now;
      }
      batch.afterwards(() -> resident.unpin(entry.id));
      batch.ifLost(() -> resident.unpin(entry.id));
    }
    if (!used.isEmpty()) {
      used.clear();
      putTotal(batch, total);
    }
    batch.commitLater(); // now, lest a removed ref's uses be written after its removal
  }

  /** A mutable entry that nobody can be using. */
  RefRecord unusedMutable(String id) {
    RefRecord entry = get(id);
    if (!entry.mutable) {
      throw new BuildException(Category.FAILED_PRECONDITION, "ref " + id + " is not mutable");
    }
    RefRecord twin = entry.twin;
    if (entry.refs > 0
        || entry.files.isLocked()
        || (twin != null && (twin.refs > 0 || hasChildren(twin)))) {
      throw new BuildException(Category.FAILED_PRECONDITION, "ref " + id + " is locked");
    }
    return entry;
  }
}
