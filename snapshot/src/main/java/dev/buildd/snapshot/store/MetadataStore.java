package dev.buildd.snapshot.store;

import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.error.Defects;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.metrics.Histogram;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksDBException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The durable records of the daemon: tables of rows sorted by their keys, in a RocksDB. Rows are
 * read when they are wanted. Batches are there as a whole or not at all, and in the order of their
 * commits. Why so: docs/adr/0005-rocksdb.md.
 *
 * <p>Two kinds of death are survived. After a kill every batch is there whose {@link
 * Batch#commit()} returned: it was in the page cache. After a power loss, records could outlive the
 * file content they speak of, because nobody waits for that content to reach the disk. So the whole
 * filesystem is synced before RocksDB makes rows permanent in a table, and every {@link
 * Settings#checkpointEvery()} while there is something new; then a marker says up to which change
 * all is safe. When another boot of the machine left the store without a clean end, what came after
 * the last marker is dropped.
 *
 * <p>No row is read before it is durable in that sense: who asks for one that is being written
 * waits for it.
 *
 * <p>One platform thread writes, for writing may block. Safe for use by many threads. Whoever opens
 * a store must hold a lock on its directory.
 */
public final class MetadataStore implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(MetadataStore.class);

  private static final int GROUP_BYTES = 4 << 20;
  private static final long MAX_BATCH = 64L << 20;
  private static final int ROWS_AT_ONCE = 256;
  private static final byte[] MARKER = key(Table.STORE, "vouched");

  /**
   * How the store treats its disk.
   *
   * @param checkpointEvery how often the filesystem is synced while there is something new
   * @param boot names this boot of the machine
   * @param sync brings all files of the filesystem to the disk; the given descriptor is on it
   */
  public record Settings(Duration checkpointEvery, String boot, Sync sync) {
    public static Settings defaults() {
      return new Settings(Duration.ofSeconds(10), StoreDirectory.bootId(), Linux::syncfs);
    }
  }

  /** Brings files to the disk. */
  @FunctionalInterface
  public interface Sync {
    void sync(int descriptor) throws IOException;
  }

  private static final class Pending {
    final List<Change> changes;
    final long bytes;
    final boolean frees;
    final boolean last;
    final List<Runnable> afterwards;
    final List<Runnable> ifLost;
    final CountDownLatch done = new CountDownLatch(1);
    volatile @Nullable BuildException failure;

    /** Whether it is still to be sent, with what comes next. */
    volatile boolean deferred;

    Pending(List<Change> changes, boolean frees, List<Runnable> afterwards, List<Runnable> ifLost) {
      this(changes, frees, false, afterwards, ifLost);
    }

    private Pending(
        List<Change> changes,
        boolean frees,
        boolean last,
        List<Runnable> afterwards,
        List<Runnable> ifLost) {
      this.afterwards = afterwards;
      this.ifLost = ifLost;
      this.changes = changes;
      this.frees = frees;
      this.last = last;
      this.bytes = changes.stream().mapToLong(Change::cost).sum();
    }
  }

  /** Nothing to write: it is done when all before it is. */
  private static Pending mark(boolean last) {
    return new Pending(List.of(), false, last, List.of(), List.of());
  }

  private final StoreDirectory directory;
  private final Settings settings;
  private final LinkedBlockingQueue<List<Pending>> queue = new LinkedBlockingQueue<>();
  private final List<Pending> deferred = new ArrayList<>(); // guarded by queue

  /** The rows that are being written, and by what. */
  private final ConcurrentSkipListMap<byte[], Pending> writing =
      new ConcurrentSkipListMap<>(Arrays::compareUnsigned);

  private final AtomicBoolean closed = new AtomicBoolean();
  private final CountDownLatch closing = new CountDownLatch(1);
  private final AtomicLong bytesWritten = new AtomicLong();
  private final Histogram writes = new Histogram(0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5);
  private final Thread writer;
  private final Thread checkpointer;

  private MetadataStore(Path path, Settings settings) throws IOException, RocksDBException {
    this.settings = settings;
    this.directory = StoreDirectory.open(path, settings);
    this.writer = Threads.startPlatform("metadata-writer", this::write);
    this.checkpointer = Threads.startPlatform("metadata-checkpoint", this::checkpoints);
  }

  public static MetadataStore open(Path directory) {
    return open(directory, Settings.defaults());
  }

  /**
   * Opens a store, or begins one; takes over the log of an earlier version, {@code DIRECTORY.log}.
   */
  public static MetadataStore open(Path directory, Settings settings) {
    try {
      return Threads.nativeCalls()
          .callUninterruptibly(() -> new MetadataStore(directory, settings));
    } catch (BuildException e) {
      throw e;
    } catch (Exception e) {
      throw StoreDirectory.failure("open metadata store " + directory, e);
    }
  }

  /** Loads RocksDB's library, which takes a while, if nobody has yet. */
  public static void loadLibrary() {
    RecordFiles.loadLibrary();
  }

  // --- reading ---

  /** The key of a row in its table. */
  static byte[] key(Table table, byte[] key) {
    byte[] out = new byte[key.length + 1];
    out[0] = table.code;
    System.arraycopy(key, 0, out, 1, key.length);
    return out;
  }

  private static byte[] key(Table table, String key) {
    return key(table, key.getBytes(StandardCharsets.UTF_8));
  }

  /** The first key behind all that begin so. */
  private static byte[] behind(byte[] prefix) {
    byte[] out = prefix.clone();
    int at = out.length - 1;
    while (out[at] == (byte) 0xff) {
      at--; // never below the table's code
    }
    out[at]++;
    return Arrays.copyOf(out, at + 1);
  }

  /** A row's value. */
  public Optional<byte[]> get(Table table, byte[] key) {
    byte[] at = key(table, key);
    Pending pending = writing.get(at);
    if (pending != null) {
      awaitEnd(pending);
    }
    return directory.read(files -> Optional.ofNullable(files.get(at)));
  }

  public Optional<byte[]> get(Table table, String key) {
    return get(table, key.getBytes(StandardCharsets.UTF_8));
  }

  /** Takes rows; says whether it wants more. The store may be used meanwhile. */
  @FunctionalInterface
  public interface Visitor {
    boolean visit(byte[] key, byte[] value);
  }

  /**
   * Hands over the rows of a table whose keys begin with the prefix, in their order. Rows that are
   * written meanwhile may be among them or not.
   */
  public void scan(Table table, byte[] prefix, Visitor visitor) {
    scan(table, prefix, prefix, visitor);
  }

  /**
   * As {@link #scan(Table, byte[], Visitor)}.
   *
   * @param from the first key wanted
   */
  public void scan(Table table, byte[] prefix, byte[] from, Visitor visitor) {
    byte[] end = behind(key(table, prefix));
    byte[] next = key(table, from);
    int most = 16; // most who ask want few
    while (true) {
      awaitWriting(next, end);
      byte[] start = next;
      int wanted = most;
      List<RecordFiles.Row> rows = directory.read(files -> files.rows(start, end, wanted));
      for (RecordFiles.Row row : rows) {
        if (!visitor.visit(Arrays.copyOfRange(row.key(), 1, row.key().length), row.value())) {
          return;
        }
      }
      if (rows.size() < wanted) {
        return;
      }
      byte[] last = rows.getLast().key();
      next = Arrays.copyOf(last, last.length + 1);
      most = ROWS_AT_ONCE;
    }
  }

  /** Hands over all rows of a table whose keys are text. */
  public void forEach(Table table, BiConsumer<String, byte[]> reader) {
    scan(
        table,
        new byte[0],
        (key, value) -> {
          reader.accept(new String(key, StandardCharsets.UTF_8), value);
          return true;
        });
  }

  /** Whether there is a row whose key begins so. */
  public boolean hasAny(Table table, byte[] prefix) {
    boolean[] found = {false};
    scan(
        table,
        prefix,
        (key, value) -> {
          found[0] = true;
          return false;
        });
    return found[0];
  }

  /** The last key of a table. */
  public Optional<byte[]> lastKey(Table table) {
    byte[] end = new byte[] {(byte) (table.code + 1)};
    awaitWriting(new byte[] {table.code}, end);
    return directory
        .read(files -> Optional.ofNullable(files.lastBefore(end)))
        .filter(last -> last[0] == table.code)
        .map(last -> Arrays.copyOfRange(last, 1, last.length));
  }

  private void awaitWriting(byte[] from, byte[] end) {
    for (Pending pending : writing.subMap(from, end).values()) {
      awaitEnd(pending);
    }
  }

  private void awaitEnd(Pending pending) {
    if (pending.deferred) {
      synchronized (queue) {
        sendDeferred(List.of());
      }
    }
    Scope.awaitUninterruptibly(pending.done);
  }

  /** Hands every row to the reader, table by table, for debugging. */
  public void dump(Reader reader) {
    for (Table table : Table.values()) {
      if (table != Table.STORE) {
        scan(
            table,
            new byte[0],
            (key, value) -> {
              reader.read(table, key, value);
              return true;
            });
      }
    }
  }

  /** Takes one row of a dump. */
  @FunctionalInterface
  public interface Reader {
    void read(Table table, byte[] key, byte[] value);
  }

  /** Reads a store as it stands, also while a daemon writes to it; for tools. */
  public static void read(Path directory, Reader reader) throws IOException {
    StoreDirectory.readAll(
        directory,
        row -> {
          Table table = Table.of(row.key()[0]);
          if (table != null && table != Table.STORE) {
            reader.read(table, Arrays.copyOfRange(row.key(), 1, row.key().length), row.value());
          }
        });
  }

  // --- committing ---

  public Batch batch() {
    return new Batch();
  }

  /** Whether the last end was not in order, or something was damaged: what refers may be alone. */
  public boolean needsCheck() {
    return directory.needsCheck();
  }

  /** Says that something refers to nothing now: the next start is to check. */
  public void wantCheck() {
    directory.wantCheck();
  }

  /** About how many bytes were written since the store was opened. */
  public long bytesWritten() {
    return bytesWritten.get();
  }

  /** How long writes took that succeeded; of what is committed at once several share one. */
  public Histogram.Snapshot writes() {
    return writes.snapshot();
  }

  /**
   * Changes that become durable and visible together. Later changes of a key win. Not for use by
   * several threads at once.
   */
  public final class Batch {
    private List<Change> changes = new ArrayList<>();
    private List<Runnable> afterwards = new ArrayList<>();
    private List<Runnable> ifLost = new ArrayList<>();
    private boolean frees;

    private Batch() {}

    /** Sets a value; the array belongs to the store from now on. */
    public Batch put(Table table, byte[] key, byte[] value) {
      changes.add(new Change(MetadataStore.key(table, key), value));
      return this;
    }

    public Batch put(Table table, String key, byte[] value) {
      changes.add(new Change(MetadataStore.key(table, key), value));
      return this;
    }

    public Batch delete(Table table, byte[] key) {
      changes.add(new Change(MetadataStore.key(table, key), null));
      return this;
    }

    public Batch delete(Table table, String key) {
      changes.add(new Change(MetadataStore.key(table, key), null));
      return this;
    }

    /** Marks that space will be free once this is written: what is kept back for that is used. */
    public Batch freesSpace() {
      frees = true;
      return this;
    }

    /** Does something once the changes are written; it must never wait. Not done if they fail. */
    public Batch afterwards(Runnable action) {
      afterwards.add(action);
      return this;
    }

    /** Does something if the changes cannot be written; it must never wait. */
    public Batch ifLost(Runnable action) {
      ifLost.add(action);
      return this;
    }

    public boolean isEmpty() {
      return changes.isEmpty();
    }

    /**
     * Writes the changes and returns once they are durable and readable. An interrupt does not
     * shorten the wait; it is kept for the caller.
     *
     * @throws BuildException {@code RESOURCE_EXHAUSTED} on a full disk, {@code INTERNAL} on one
     *     that fails; nothing of the batch was written then
     */
    public void commit() {
      commitLater().await();
    }

    /**
     * Writes the changes soon, in the order of such calls. They are lost if the process dies
     * before.
     */
    public Commit commitLater() {
      return commit(false);
    }

    /**
     * As {@link #commitLater}, but together with what is committed next, by whomever, or when
     * somebody waits for it: for rows that others are going to follow at once.
     */
    public Commit commitWithNext() {
      return commit(true);
    }

    private Commit commit(boolean withNext) {
      List<Change> sent = changes;
      List<Runnable> actions = afterwards;
      List<Runnable> otherwise = ifLost;
      changes = new ArrayList<>();
      afterwards = new ArrayList<>();
      ifLost = new ArrayList<>();
      if (sent.isEmpty()) {
        actions.forEach(Runnable::run);
        return new Commit(null);
      }
      return new Commit(submit(new Pending(sent, frees, actions, otherwise), withNext));
    }
  }

  /** A batch on its way to the disk. */
  public final class Commit {
    private final @Nullable Pending pending;

    private Commit(@Nullable Pending pending) {
      this.pending = pending;
    }

    /** Returns once the batch is durable and readable; throws if it could not be written. */
    public void await() {
      if (pending != null) {
        MetadataStore.this.await(pending);
      }
    }
  }

  private Pending submit(Pending pending) {
    return submit(pending, false);
  }

  private Pending submit(Pending pending, boolean withNext) {
    if (pending.bytes > MAX_BATCH) {
      throw new BuildException(
          Category.RESOURCE_EXHAUSTED, "write metadata: a batch of " + pending.bytes + " bytes");
    }
    synchronized (queue) { // nothing may follow the last one
      if (closed.get()) {
        throw new BuildException(Category.FAILED_PRECONDITION, "metadata store is closed");
      }
      if (pending.last) {
        closed.set(true);
      }
      for (Change change : pending.changes) {
        writing.put(change.key(), pending);
      }
      if (withNext) {
        pending.deferred = true;
        deferred.add(pending);
      } else {
        sendDeferred(List.of(pending));
      }
    }
    return pending;
  }

  /** Holding the queue: sends what waits to be sent, and what it waited for. */
  private void sendDeferred(List<Pending> next) {
    List<Pending> all = new ArrayList<>(deferred);
    deferred.forEach(pending -> pending.deferred = false);
    deferred.clear();
    all.addAll(next);
    if (!all.isEmpty()) {
      queue.add(all);
    }
  }

  private void await(Pending pending) {
    awaitEnd(pending);
    BuildException failure = pending.failure;
    if (failure != null) {
      throw new BuildException(failure.category(), String.valueOf(failure.getMessage()), failure);
    }
  }

  /** Waits until all that was committed so far, later or not, is durable. */
  public void flush() {
    Pending marker = mark(false);
    synchronized (queue) {
      if (closed.get()) {
        return;
      }
      sendDeferred(List.of(marker));
    }
    await(marker);
  }

  // --- the writer ---

  private void write() {
    boolean last = false;
    while (!last) {
      List<Pending> group = new ArrayList<>();
      try {
        long bytes = 0;
        for (List<Pending> next = queue.take(); next != null; next = queue.poll()) {
          group.addAll(next);
          bytes += next.stream().mapToLong(pending -> pending.bytes).sum();
          last = next.getLast().last;
          if (bytes > GROUP_BYTES) {
            break;
          }
        }
      } catch (InterruptedException e) {
        continue; // nobody interrupts this thread; if someone did, it would not matter
      }
      writeAll(group);
    }
  }

  /** Writes them together; if that fails, each on its own, so that one cannot spoil the others. */
  private void writeAll(List<Pending> group) {
    try {
      if (attempt(group) != null && group.size() > 1) {
        for (Pending pending : group) {
          pending.failure = attempt(List.of(pending));
        }
      }
    } finally {
      for (Pending pending : group) {
        List<Runnable> actions = pending.failure == null ? pending.afterwards : pending.ifLost;
        actions.forEach(MetadataStore::runAfterwards);
        pending.changes.forEach(change -> writing.remove(change.key(), pending));
        pending.done.countDown();
      }
    }
  }

  /** Whatever it throws, those who wait for the writer must not wait for ever. */
  private static void runAfterwards(Runnable action) {
    try {
      action.run();
    } catch (RuntimeException | Error e) {
      log.error("what was to be done once metadata were written has failed", e);
      Defects.met("act on written metadata", e);
    }
  }

  private @Nullable BuildException attempt(List<Pending> group) {
    BuildException failure = null;
    try {
      List<Change> changes = new ArrayList<>();
      group.forEach(pending -> changes.addAll(pending.changes));
      if (!changes.isEmpty()) {
        long begun = System.nanoTime();
        directory.write(changes, group.stream().anyMatch(pending -> pending.frees));
        writes.record(System.nanoTime() - begun);
        bytesWritten.addAndGet(changes.stream().mapToLong(Change::cost).sum());
      }
    } catch (Exception | Error e) { // whatever it is, nobody may wait for ever
      failure = StoreDirectory.failure("write metadata", e);
      log.error("metadata not written batches={}", group.size(), e);
      Defects.met("write metadata", e);
    }
    BuildException result = failure;
    group.forEach(pending -> pending.failure = result);
    return failure;
  }

  private void checkpoints() {
    long noted = -1;
    while (true) {
      try {
        if (closing.await(settings.checkpointEvery.toMillis(), TimeUnit.MILLISECONDS)) {
          return;
        }
        noted = checkpoint(noted);
      } catch (InterruptedException e) {
        return;
      } catch (Exception | Error e) {
        if (!closed.get()) {
          log.warn("no checkpoint of the metadata store", e);
        }
      }
    }
  }

  /** Syncs the filesystem and notes it, if anything came since. */
  private long checkpoint(long noted) throws IOException {
    directory.tend();
    synchronized (queue) {
      sendDeferred(List.of());
    }
    long upTo = directory.lastSequence();
    if (upTo == noted) {
      return noted;
    }
    directory.sync();
    await(
        submit(
            new Pending(
                List.of(new Change(MARKER, new Encoder().number(upTo).toBytes())),
                false,
                List.of(),
                List.of())));
    long after = directory.lastSequence();
    return after == upTo + 1 ? after : upTo; // what came meanwhile is for the next time
  }

  /** Syncs the filesystem now, and notes it. */
  void checkpoint() throws IOException {
    checkpoint(-1);
  }

  /** Makes all rows permanent in tables, for tests. */
  void writeTables() {
    directory.read(files -> {
      files.flush();
      return true;
    });
  }

  static byte[] marker() {
    return MARKER.clone();
  }

  /** Writes all that is pending and closes the files. What comes later is refused. */
  @Override
  public void close() {
    if (closed.get()) {
      return;
    }
    closing.countDown();
    joinQuietly(checkpointer);
    try {
      Scope.awaitUninterruptibly(submit(mark(true)).done);
    } catch (BuildException e) {
      return; // closed before
    }
    joinQuietly(writer);
    try {
      Threads.nativeCalls()
          .callUninterruptibly(() -> {
            directory.close();
            return true;
          });
    } catch (Exception e) {
      throw StoreDirectory.failure("close metadata store", e);
    }
  }

  private static void joinQuietly(Thread thread) {
    boolean interrupted = false;
    while (true) {
      try {
        thread.join();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
