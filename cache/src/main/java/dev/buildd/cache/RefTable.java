package dev.buildd.cache;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.snapshot.store.Decoder;
import dev.buildd.snapshot.store.Encoder;
import dev.buildd.snapshot.store.MetadataStore;
import dev.buildd.snapshot.store.Table;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which refs there are: in memory with their indexes, and as rows of the store. Everything here is
 * called by who holds its monitor, which guards the entries too.
 */
final class RefTable {
  private static final Logger log = LoggerFactory.getLogger(RefTable.class);
  private static final Table REFS = Table.REF;
  private static final Table USES = Table.REF_USE;
  private static final Table VALUES = Table.REF_VALUE;
  private static final String ID_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz";
  private static final SecureRandom RANDOM = new SecureRandom();

  private final MetadataStore store;
  private final Clock clock;
  private final Map<String, CacheEntry> entries = new HashMap<>();
  private final Map<String, Set<CacheEntry>> byIndex = new HashMap<>();
  private final Set<CacheEntry> used = new LinkedHashSet<>(); // uses not yet written

  RefTable(MetadataStore store, Clock clock) {
    this.store = store;
    this.clock = clock;
  }

  // --- reading the rows ---

  /** Reads all rows and drops those whose snapshot or parents are gone. */
  void load(Set<String> snapshots) {
    Map<String, byte[]> rows = new LinkedHashMap<>();
    store.forEach(REFS, rows::put);
    MetadataStore.Batch dropped = store.batch();
    Set<String> refused = new HashSet<>();
    for (String id : rows.keySet()) {
      load(id, rows, snapshots, refused);
    }
    for (String id : refused) {
      log.warn("ref without its files or parents, dropped id={}", id);
      dropped.delete(REFS, id);
    }
    store.forEach(
        USES,
        (id, value) -> {
          loadUse(id, value);
          if (!entries.containsKey(id)) {
            dropped.delete(USES, id);
          }
        });
    store.forEach(
        VALUES,
        (key, value) -> {
          int slash = Math.max(0, key.indexOf('/'));
          CacheEntry entry = entries.get(key.substring(0, slash));
          if (entry == null) {
            dropped.delete(VALUES, key);
          } else {
            addValue(entry, key.substring(slash + 1), value);
          }
        });
    dropped.commit();
  }

  private @Nullable CacheEntry load(
      String id, Map<String, byte[]> rows, Set<String> snapshots, Set<String> refused) {
    CacheEntry known = entries.get(id);
    byte[] row = rows.get(id);
    if (known != null || row == null || refused.contains(id)) {
      return known;
    }
    Decoder in = new Decoder(row);
    int flags = in.oneByte();
    CacheEntry.Kind kind = CacheEntry.Kind.of(flags >> 3);
    String snapshot = in.text();
    List<CacheEntry> parents = new ArrayList<>();
    for (String parent : in.texts()) {
      CacheEntry loaded = load(parent, rows, snapshots, refused);
      if (loaded == null) {
        refused.add(id);
        return null;
      }
      parents.add(loaded);
    }
    if (!snapshot.isEmpty() && !snapshots.contains(snapshot)) {
      refused.add(id);
      return null;
    }
    Instant createdAt = Instant.ofEpochSecond(in.number(), in.number());
    CacheEntry entry = new CacheEntry(id, kind, snapshot, parents, createdAt, in.text(), in.text());
    entry.mutable = (flags & 1) != 0;
    entry.retain = (flags & 2) != 0;
    entry.received = (flags & 4) != 0;
    entry.recorded = true;
    String twin = in.text();
    for (int left = (int) in.number(); left > 0; left--) {
      entry.indexes.put(in.text(), in.text());
    }
    if (!twin.isEmpty()) { // only the immutable one names it
      CacheEntry other = load(twin, rows, snapshots, refused);
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
    CacheEntry entry = entries.get(id);
    if (entry != null) {
      Decoder in = new Decoder(value);
      entry.usageCount = (int) in.number();
      entry.lastUsedMillis = in.number();
      entry.size = in.number();
    }
  }

  // --- looking ---

  Collection<CacheEntry> all() {
    return entries.values();
  }

  CacheEntry get(String id) {
    CacheEntry entry = entries.get(id);
    if (entry == null) {
      throw BuildException.notFound("ref " + id + " not found");
    }
    return entry;
  }

  List<String> search(String index, String value) {
    Set<CacheEntry> found = byIndex.get(index + "\0" + value);
    return found == null ? List.of() : found.stream().map(entry -> entry.id).toList();
  }

  /** What is held, and all it builds upon. */
  Set<CacheEntry> inUse() {
    Set<CacheEntry> out = new HashSet<>();
    for (CacheEntry entry : entries.values()) {
      if (entry.refs > 0) {
        addWithParents(entry, out);
      }
    }
    return out;
  }

  private static void addWithParents(CacheEntry entry, Set<CacheEntry> out) {
    List<CacheEntry> queue = new ArrayList<>(List.of(entry));
    while (!queue.isEmpty()) {
      CacheEntry next = queue.removeLast();
      if (out.add(next)) {
        queue.addAll(next.parents);
      }
    }
  }

  // --- changing ---

  static String newId() {
    StringBuilder out = new StringBuilder(25);
    for (int i = 0; i < 25; i++) {
      out.append(ID_LETTERS.charAt(RANDOM.nextInt(ID_LETTERS.length())));
    }
    return out.toString();
  }

  void register(CacheEntry entry) {
    entries.put(entry.id, entry);
    entry.parents.forEach(parent -> parent.children++);
    entry.indexes.forEach((name, value) -> indexed(name, value).add(entry));
  }

  private Set<CacheEntry> indexed(String name, String value) {
    return byIndex.computeIfAbsent(name + "\0" + value, k -> new LinkedHashSet<>());
  }

  private void unindex(CacheEntry entry, String name, String value) {
    Set<CacheEntry> same = indexed(name, value);
    same.remove(entry);
    if (same.isEmpty()) {
      byIndex.remove(name + "\0" + value);
    }
  }

  void index(CacheEntry entry, String name, String value) {
    String before = entry.indexes.put(name, value);
    if (before != null) {
      unindex(entry, name, before);
    }
    indexed(name, value).add(entry);
  }

  /** Forgets an entry, and its row with the batch. */
  void remove(CacheEntry entry, MetadataStore.Batch batch) {
    entry.dead = true;
    entries.remove(entry.id);
    used.remove(entry);
    entry.parents.forEach(parent -> parent.children--);
    entry.indexes.forEach((name, value) -> unindex(entry, name, value));
    if (entry.recorded) {
      batch.delete(REFS, entry.id);
    }
    batch.delete(USES, entry.id);
    entry.values.keySet().forEach(key -> batch.delete(VALUES, entry.id + "/" + key));
  }

  /** Puts the entry's row into the batch. */
  void record(CacheEntry entry, MetadataStore.Batch batch) {
    entry.recorded = true;
    CacheEntry twin = entry.twin;
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

  void putValue(CacheEntry entry, String key, byte[] value) {
    if (!entry.dead) {
      MetadataStore.Batch batch = store.batch();
      putValue(entry, key, value, batch);
      batch.commitLater();
    }
  }

  void putValue(CacheEntry entry, String key, byte[] value, MetadataStore.Batch batch) {
    addValue(entry, key, value);
    batch.put(VALUES, entry.id + "/" + key, value);
  }

  private static void addValue(CacheEntry entry, String key, byte[] value) {
    Map<String, byte[]> values = new HashMap<>(entry.values);
    values.put(key, value);
    entry.values = Map.copyOf(values);
  }

  // --- uses ---

  /** Gives back one hold. */
  void let(CacheEntry entry) {
    entry.refs--;
    if (!entry.dead) {
      entry.usageCount++;
      entry.lastUsedMillis = clock.millis();
      used.add(entry);
    }
  }

  /** Notes a size that was measured, unless the files may have changed since. */
  void measured(CacheEntry entry, long size) {
    if (!entry.dead && !(entry.mutable && entry.refs > 0)) {
      entry.size = size;
      used.add(entry);
    }
  }

  /** Writes down how often and when refs were used since the last time, and their sizes. */
  void writeUses() {
    MetadataStore.Batch batch = store.batch();
    for (CacheEntry entry : used) {
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
    batch.commitLater(); // now, lest a removed ref's uses be written after its removal
  }

  /** Of the values put for an entry, one; needs no monitor. */
  Optional<byte[]> value(CacheEntry entry, String key) {
    return Optional.ofNullable(entry.values.get(key));
  }

  /** A mutable entry that nobody can be using. */
  CacheEntry unusedMutable(String id) {
    CacheEntry entry = get(id);
    if (!entry.mutable) {
      throw new BuildException(Category.FAILED_PRECONDITION, "ref " + id + " is not mutable");
    }
    CacheEntry twin = entry.twin;
    if (entry.refs > 0
        || entry.files.isLocked()
        || (twin != null && (twin.refs > 0 || twin.children > 0))) {
      throw new BuildException(Category.FAILED_PRECONDITION, "ref " + id + " is locked");
    }
    return entry;
  }
}
