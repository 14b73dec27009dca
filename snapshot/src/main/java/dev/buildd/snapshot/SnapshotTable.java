package dev.buildd.snapshot;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.snapshot.store.Decoder;
import dev.buildd.snapshot.store.Encoder;
import dev.buildd.snapshot.store.MetadataStore;
import dev.buildd.snapshot.store.Table;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Which snapshots there are and what they build upon; shared by the snapshotters. */
final class SnapshotTable {
  private static final Logger log = LoggerFactory.getLogger(SnapshotTable.class);
  private static final Table TABLE = Table.SNAPSHOT;
  private static final Table FLAT = Table.SNAPSHOT_FLAT;

  /** What a snapshot is made of. */
  enum Kind {
    /** A directory over at most one parent. */
    LAYER(0),
    /** A directory of changes that may hold whiteouts though nothing is below. */
    CHANGES(1),
    /** No directory of its own: the layers of others, topmost first. */
    STACK(2);

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
      throw new BuildException(Category.INTERNAL, "malformed snapshot record");
    }
  }

  /**
   * One directory that stands for several layers of a chain.
   *
   * @param next where the chain goes on below, if it does
   * @param weight how many layers it stands for
   */
  record Flat(@Nullable String next, int weight) {}

  static final class Snapshot {
    final String id;
    final Kind kind;
    final List<String> parents;

    /** Held while directories that stand for it are made. */
    final ReentrantLock layout = new ReentrantLock();

    private int children; // guarded by the table
    volatile boolean committed;
    volatile boolean recorded;
    volatile boolean tidy; // has a form that may lie over others than it was made on
    volatile @Nullable Flat flat;

    /** Its files as bytes, if it is small and has no directory on disk. */
    volatile byte @Nullable [] packed;

    Snapshot(String id, Kind kind, List<String> parents) {
      this.id = id;
      this.kind = kind;
      this.parents = List.copyOf(parents);
    }

    @Nullable String parent() {
      return kind == Kind.STACK || parents.isEmpty() ? null : parents.getFirst();
    }
  }

  private final MetadataStore store;
  private final Map<String, Snapshot> all = new ConcurrentHashMap<>();
  private final AtomicLong last = new AtomicLong();

  /** Loads the records of snapshots that are complete, and drops the others. */
  SnapshotTable(MetadataStore store, Predicate<Snapshot> complete) {
    this.store = store;
    List<Snapshot> found = new ArrayList<>();
    store.forEach(TABLE, (id, value) -> found.add(decode(id, value)));
    // a parent is older than its children
    found.sort((a, b) -> Long.compare(Long.parseLong(a.id), Long.parseLong(b.id)));
    MetadataStore.Batch dropped = store.batch();
    for (Snapshot snapshot : found) {
      last.accumulateAndGet(Long.parseLong(snapshot.id), Math::max);
      if (all.keySet().containsAll(snapshot.parents) && complete.test(snapshot)) {
        register(snapshot);
      } else {
        log.warn("snapshot is incomplete, dropped id={}", snapshot.id);
        dropped.delete(TABLE, snapshot.id);
      }
    }
    store.forEach(
        FLAT,
        (id, value) -> {
          Snapshot snapshot = all.get(id);
          if (snapshot == null) {
            dropped.delete(FLAT, id);
          } else {
            Decoder in = new Decoder(value);
            String next = in.text();
            snapshot.flat = new Flat(next.isEmpty() ? null : next, (int) in.number());
          }
        });
    dropped.commit();
  }

  private static Snapshot decode(String id, byte[] value) {
    Decoder in = new Decoder(value);
    int flags = in.oneByte();
    Snapshot snapshot = new Snapshot(id, Kind.of(flags >> 2), in.texts());
    snapshot.committed = (flags & 1) != 0;
    snapshot.tidy = (flags & 2) != 0;
    snapshot.packed = in.hasMore() ? in.bytes() : null;
    snapshot.recorded = true;
    return snapshot;
  }

  void record(Snapshot snapshot, MetadataStore.Batch batch) {
    snapshot.recorded = true;
    Encoder out =
        new Encoder()
            .oneByte(
                snapshot.kind.code << 2 | (snapshot.tidy ? 2 : 0) | (snapshot.committed ? 1 : 0))
            .texts(snapshot.parents);
    byte[] packed = snapshot.packed;
    if (packed != null) {
      out.bytes(packed);
    }
    batch.put(TABLE, snapshot.id, out.toBytes());
  }

  void recordFlat(Snapshot snapshot, Flat flat) {
    String next = flat.next;
    store
        .batch()
        .put(
            FLAT,
            snapshot.id,
            new Encoder().text(next == null ? "" : next).number(flat.weight).toBytes())
        .commitLater();
    snapshot.flat = flat;
  }

  void dropFlat(Snapshot snapshot) {
    snapshot.flat = null;
    store.batch().delete(FLAT, snapshot.id).commitLater();
  }

  Snapshot add(Kind kind, List<String> parents) {
    Snapshot snapshot = new Snapshot(Long.toString(last.incrementAndGet()), kind, parents);
    register(snapshot);
    return snapshot;
  }

  private synchronized void register(Snapshot snapshot) {
    List<Snapshot> parents = snapshot.parents.stream().map(this::get).toList();
    for (Snapshot parent : parents) {
      if (!parent.committed) {
        throw new BuildException(
            Category.FAILED_PRECONDITION, "snapshot " + parent.id + " is not committed");
      }
    }
    parents.forEach(parent -> parent.children++);
    all.put(snapshot.id, snapshot);
  }

  Snapshot get(String id) {
    Snapshot snapshot = all.get(id);
    if (snapshot == null) {
      throw BuildException.notFound("snapshot " + id + " does not exist");
    }
    return snapshot;
  }

  Set<String> ids() {
    return new TreeSet<>(all.keySet());
  }

  boolean contains(String id) {
    return all.containsKey(id);
  }

  /** Forgets a snapshot without children. */
  synchronized Snapshot remove(String id, MetadataStore.Batch batch) {
    Snapshot snapshot = get(id);
    if (snapshot.children > 0) {
      throw new BuildException(
          Category.FAILED_PRECONDITION, "snapshot " + id + " has children, cannot be removed");
    }
    all.remove(id);
    snapshot.parents.forEach(parent -> get(parent).children--);
    if (snapshot.recorded) {
      batch.delete(TABLE, id);
    }
    if (snapshot.flat != null) {
      batch.delete(FLAT, id);
    }
    return snapshot;
  }
}
