package dev.buildd.snapshot;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.FileFailures;
import dev.buildd.snapshot.store.Decoder;
import dev.buildd.snapshot.store.Encoder;
import dev.buildd.snapshot.store.MetadataStore;
import dev.buildd.snapshot.store.Resident;
import dev.buildd.snapshot.store.Table;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which snapshots there are and what they build upon; shared by the snapshotters. Rows are read
 * when they are wanted. One that cannot be right, for its files are gone, is dropped then.
 */
final class SnapshotTable {
  private static final Logger log = LoggerFactory.getLogger(SnapshotTable.class);
  private static final Table TABLE = Table.SNAPSHOT;
  private static final Table FLAT = Table.SNAPSHOT_FLAT;
  private static final Table CHILDREN = Table.SNAPSHOT_CHILD;
  private static final Table NEXT = Table.SNAPSHOT_NEXT;
  private static final byte[] NOTHING = new byte[0];
  private static final int NUMBERS = 1_000; // noted at once

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

    /** Those that have no row yet and build upon this. */
    final AtomicInteger newChildren = new AtomicInteger();

    /** Kept in memory as long as this has no row. */
    volatile List<Snapshot> below = List.of();

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
  private final Predicate<Snapshot> complete;
  private final Predicate<String> flatIsThere;
  private final Resident<Snapshot> resident = new Resident<>();

  /** Removed, while their rows may still be there. */
  private final Set<String> gone = ConcurrentHashMap.newKeySet();

  /** Removed, while their rows could not be deleted, for the disk was full. */
  private final Queue<Snapshot> undeleted = new ConcurrentLinkedQueue<>();

  private long last; // guarded by this
  private long noted; // guarded by this
  private volatile boolean noteLost; // the number noted is not on disk

  /**
   * @param complete whether the files are there
   * @param flatIsThere whether there is a directory that stands for several layers
   * @param directories numbers that directories bear
   */
  SnapshotTable(
      MetadataStore store,
      Predicate<Snapshot> complete,
      Predicate<String> flatIsThere,
      LongStream directories) {
    this.store = store;
    this.complete = complete;
    this.flatIsThere = flatIsThere;
    long known =
        store
            .get(NEXT, NOTHING)
            .map(value -> new Decoder(value).number())
            .orElseGet(this::indexEarlier);
    this.last = directories.reduce(known, Math::max);
    this.noted = last;
  }

  /** Writes the rows that earlier versions did not have; the last number. */
  private long indexEarlier() {
    MetadataStore.Batch batch = store.batch();
    long[] highest = {0};
    store.forEach(
        TABLE,
        (id, value) -> {
          highest[0] = Math.max(highest[0], Long.parseLong(id));
          decode(id, value)
              .parents
              .forEach(parent -> batch.put(CHILDREN, child(parent, id), NOTHING));
        });
    batch.put(NEXT, NOTHING, new Encoder().number(highest[0]).toBytes()).commit();
    return highest[0];
  }

  /** The numbers that entries of directories bear as their names. */
  static LongStream numbers(List<Path> directories) throws IOException {
    long highest = 0;
    for (Path directory : directories) {
      for (Path path : LayerFiles.list(directory)) {
        try {
          highest = Math.max(highest, Long.parseLong(path.getFileName().toString()));
        } catch (NumberFormatException e) {
          // not one of ours
        }
      }
    }
    return LongStream.of(highest);
  }

  private static byte[] child(String parent, String id) {
    return new Encoder().text(parent).text(id).toBytes();
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

  /** Writes the row; the snapshot stays in memory until then. */
  Written record(Snapshot snapshot) {
    MetadataStore.Batch batch = store.batch();
    boolean first = !snapshot.recorded;
    if (first) {
      snapshot.recorded = true; // it is in memory for having had no row
      batch.ifLost(() -> snapshot.recorded = false);
      for (String parent : snapshot.parents) {
        batch.put(CHILDREN, child(parent, snapshot.id), NOTHING);
      }
    } else {
      resident.pin(snapshot.id, snapshot);
      batch.ifLost(() -> resident.unpin(snapshot.id));
    }
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
    batch.afterwards(() -> {
      if (first) {
        releaseParent(snapshot);
      }
      resident.unpin(snapshot.id);
    });
    // whoever keeps a snapshot has something to record of it
    return batch.commitWithNext()::await;
  }

  private static void releaseParent(Snapshot snapshot) {
    snapshot.below.forEach(parent -> parent.newChildren.decrementAndGet());
    snapshot.below = List.of();
  }

  void recordFlat(Snapshot snapshot, Flat flat) {
    String next = flat.next;
    snapshot.flat = flat;
    resident.pin(snapshot.id, snapshot);
    store
        .batch()
        .put(
            FLAT,
            snapshot.id,
            new Encoder().text(next == null ? "" : next).number(flat.weight).toBytes())
        .afterwards(() -> resident.unpin(snapshot.id))
        .ifLost(() -> resident.unpin(snapshot.id))
        .commitLater();
  }

  /** A new snapshot, without a row as yet. */
  synchronized Snapshot add(Kind kind, List<String> parents) {
    List<Snapshot> below = parents.stream().map(this::get).toList();
    for (Snapshot parent : below) {
      if (!parent.committed) {
        throw new BuildException(
            Category.FAILED_PRECONDITION, "snapshot " + parent.id + " is not committed");
      }
    }
    Snapshot snapshot = new Snapshot(Long.toString(nextNumber()), kind, parents);
    below.forEach(parent -> parent.newChildren.incrementAndGet());
    snapshot.below = below;
    resident.add(snapshot.id, snapshot);
    resident.pin(snapshot.id, snapshot);
    return snapshot;
  }

  private long nextNumber() {
    if (++last > noted || noteLost) {
      noteLost = false;
      noted = last + NUMBERS;
      store
          .batch()
          .put(NEXT, NOTHING, new Encoder().number(noted).toBytes())
          .ifLost(() -> noteLost = true) // or the next start would give numbers again
          .commitLater();
    }
    return last;
  }

  Snapshot get(String id) {
    return find(id)
        .orElseThrow(() -> BuildException.notFound("snapshot " + id + " does not exist"));
  }

  boolean contains(String id) {
    return find(id).isPresent();
  }

  synchronized Optional<Snapshot> find(String id) {
    if (gone.contains(id)) {
      return Optional.empty();
    }
    Optional<Snapshot> known = resident.find(id);
    return known.isPresent() ? known : load(id);
  }

  private Optional<Snapshot> load(String id) {
    Optional<byte[]> row = store.get(TABLE, id);
    if (row.isEmpty()) {
      return Optional.empty();
    }
    Snapshot snapshot;
    try {
      snapshot = decode(id, row.get());
      store.get(FLAT, id).ifPresent(value -> snapshot.flat = flat(id, value));
    } catch (BuildException e) {
      drop(id, "its record is damaged");
      return Optional.empty();
    }
    if (!complete.test(snapshot)) {
      drop(id, "its files are gone");
      return Optional.empty();
    }
    resident.add(id, snapshot);
    return Optional.of(snapshot);
  }

  private @Nullable Flat flat(String id, byte[] value) {
    if (!flatIsThere.test(id)) {
      store.batch().delete(FLAT, id).commitLater();
      return null;
    }
    Decoder in = new Decoder(value);
    String next = in.text();
    return new Flat(next.isEmpty() ? null : next, (int) in.number());
  }

  private void drop(String id, String why) {
    log.warn("snapshot dropped, {} id={}", why, id);
    store.batch().delete(TABLE, id).delete(FLAT, id).commitLater();
  }

  /** All of them; for checks and tests. */
  Set<String> ids() {
    Set<String> out = new TreeSet<>();
    store.forEach(TABLE, (id, value) -> out.add(id));
    resident.pinned().forEach(snapshot -> out.add(snapshot.id));
    out.removeAll(gone);
    return out;
  }

  private boolean hasChildren(Snapshot snapshot) {
    if (snapshot.newChildren.get() > 0) {
      return true;
    }
    boolean[] found = {false};
    store.scan(
        CHILDREN,
        new Encoder().text(snapshot.id).toBytes(),
        (row, value) -> {
          Decoder in = new Decoder(row);
          in.text();
          found[0] = !gone.contains(in.text());
          return !found[0];
        });
    return found[0];
  }

  /** Takes the files of a removed snapshot away. */
  @FunctionalInterface
  interface Discard {
    void discard(Snapshot snapshot) throws IOException;
  }

  /** Removes what earlier calls of {@link #remove} could not for want of space, if it can now. */
  void removeUndeleted(Discard files) {
    if (!undeleted.isEmpty()) {
      remove(List.of(), files);
    }
  }

  /**
   * As {@link Snapshotter#remove} says. What cannot be deleted goes with the next call, what is not
   * discarded at the next start.
   */
  void remove(List<String> ids, Discard files) {
    List<BuildException> failures = new ArrayList<>();
    List<Snapshot> removed = new ArrayList<>();
    MetadataStore.Batch batch = store.batch().freesSpace();
    for (Snapshot left = undeleted.poll(); left != null; left = undeleted.poll()) {
      delete(left, batch);
      removed.add(left);
    }
    for (String id : ids) {
      try {
        removed.add(remove(id, batch));
      } catch (BuildException e) {
        failures.add(e);
      }
    }
    try {
      batch.commit();
    } catch (BuildException e) {
      store.wantCheck(); // the rows are still there, and nobody speaks of them
      undeleted.addAll(removed);
      throw e;
    }
    for (Snapshot snapshot : removed) {
      try {
        FileFailures.run("remove snapshot " + snapshot.id, () -> files.discard(snapshot));
      } catch (BuildException e) {
        failures.add(e);
      }
    }
    if (!failures.isEmpty()) {
      store.wantCheck();
      throw failures.getFirst();
    }
  }

  /** Forgets a snapshot without children. */
  private synchronized Snapshot remove(String id, MetadataStore.Batch batch) {
    Snapshot snapshot = get(id);
    if (hasChildren(snapshot)) {
      throw new BuildException(
          Category.FAILED_PRECONDITION, "snapshot " + id + " has children, cannot be removed");
    }
    resident.forget(id);
    if (!snapshot.recorded) {
      releaseParent(snapshot);
      return snapshot;
    }
    gone.add(id);
    delete(snapshot, batch);
    return snapshot;
  }

  private void delete(Snapshot snapshot, MetadataStore.Batch batch) {
    String id = snapshot.id;
    batch.delete(TABLE, id);
    snapshot.parents.forEach(parent -> batch.delete(CHILDREN, child(parent, id)));
    if (snapshot.flat != null) {
      batch.delete(FLAT, id);
    }
    batch.afterwards(() -> {
      releaseParent(snapshot);
      gone.remove(id);
    });
  }
}
