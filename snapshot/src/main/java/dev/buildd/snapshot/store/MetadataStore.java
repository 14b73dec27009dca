package dev.buildd.snapshot.store;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.LinuxException;
import dev.buildd.snapshot.store.LogFile.Change;
import dev.buildd.snapshot.store.LogFile.Kind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentNavigableMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The durable records of the daemon: tables of sorted keys, held in memory, written as a log of
 * batches. A batch is on disk as a whole or not at all, and batches are there in the order of their
 * commits. Why a log: docs/adr/0001-one-log.md.
 *
 * <p>Two kinds of death are survived. After a kill the log holds every batch whose {@link
 * Batch#commit()} returned. After a power loss, records could outlive the file content they speak
 * of, because nobody waits for that content to reach the disk; so a checkpoint is noted in the log
 * each time the whole filesystem has been synced, and a log that another boot of the machine left
 * without a clean end is cut back to its last checkpoint.
 *
 * <p>One platform thread owns the file: an interrupt would close the channel for all. Safe for use
 * by many threads. Whoever opens a store must hold a lock on its directory.
 */
public final class MetadataStore implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(MetadataStore.class);

  private static final int GROUP_BYTES = 4 << 20;

  /**
   * How the store treats its file.
   *
   * @param forceEachGroup whether a commit waits until its batch has reached the disk; without it a
   *     commit survives a kill of the process, and a power loss within {@code checkpointEvery} may
   *     lose it
   * @param checkpointEvery how often the filesystem is synced while there is something new
   * @param compactAbove the size in bytes below which the log is never rewritten
   */
  public record Settings(boolean forceEachGroup, Duration checkpointEvery, long compactAbove) {
    public static Settings defaults() {
      return new Settings(false, Duration.ofSeconds(10), 8L << 20);
    }
  }

  private static final class Pending {
    final Kind kind;
    final byte[] payload;
    final List<Change> changes;
    final CountDownLatch done = new CountDownLatch(1);
    volatile @Nullable Exception failure;

    Pending(Kind kind, byte[] payload, List<Change> changes) {
      this.kind = kind;
      this.payload = payload;
      this.changes = changes;
    }
  }

  private final Path file;
  private final Settings settings;
  private final Map<String, ConcurrentSkipListMap<String, byte[]>> tables =
      new ConcurrentHashMap<>();
  private final LinkedBlockingQueue<Pending> queue = new LinkedBlockingQueue<>();
  private final AtomicBoolean closed = new AtomicBoolean();
  private final CountDownLatch closing = new CountDownLatch(1);
  private final Thread writer;
  private final Thread checkpointer;
  private final int directory; // a descriptor, for syncfs

  // owned by the writer
  private final LogFile records;
  private long liveBytes;
  private final AtomicLong bytesWritten = new AtomicLong();
  private final AtomicLong compactions = new AtomicLong();
  private final AtomicLong noted = new AtomicLong(); // how far all is known to be on disk

  private MetadataStore(Path file, Settings settings) throws IOException {
    this.file = file;
    this.settings = settings;
    Path parent = file.toAbsolutePath().resolveSibling(".").normalize();
    Files.createDirectories(parent);
    this.records = LogFile.open(file, this::apply);
    this.directory = Linux.open(parent, Linux.O_RDONLY | Linux.O_DIRECTORY, 0);
    this.writer = Threads.startPlatform("metadata-writer", this::write);
    this.checkpointer = Threads.startPlatform("metadata-checkpoint", this::checkpoints);
    submit(Kind.OPENED, LogFile.bootId(), List.of());
  }

  public static MetadataStore open(Path file) {
    return open(file, Settings.defaults());
  }

  public static MetadataStore open(Path file, Settings settings) {
    try {
      return Threads.nativeCalls().callUninterruptibly(() -> new MetadataStore(file, settings));
    } catch (BuildException e) {
      throw e;
    } catch (Exception e) {
      throw BuildException.unknown("open metadata store " + file + ": " + e.getMessage(), e);
    }
  }

  /**
   * The records whose key begins with the prefix, in key order; a live view. The arrays are the
   * store's own: never change them.
   */
  public SortedMap<String, byte[]> scan(String table, String prefix) {
    ConcurrentNavigableMap<String, byte[]> map = tables.get(table);
    if (map == null) {
      return Collections.emptySortedMap();
    }
    return Collections.unmodifiableSortedMap(
        prefix.isEmpty() ? map : map.subMap(prefix, prefix + Character.MAX_VALUE));
  }

  /** Hands every record to the reader, table by table, for debugging. */
  public void dump(Reader reader) {
    for (String table : new TreeSet<>(tables.keySet())) {
      scan(table, "").forEach((key, value) -> reader.read(table, key, value));
    }
  }

  /** Takes one record of a dump. */
  @FunctionalInterface
  public interface Reader {
    void read(String table, String key, byte[] value);
  }

  public Batch batch() {
    return new Batch();
  }

  /** Bytes written to disk since the store was opened. */
  public long bytesWritten() {
    return bytesWritten.get();
  }

  /** The size of the log in bytes. */
  public long size() {
    return records.end();
  }

  /** How often the log has been rewritten since it was opened. */
  public long compactions() {
    return compactions.get();
  }

  /** Up to which size of the log all is known to be on disk, for tests. */
  long notedUpTo() {
    return noted.get();
  }

  /**
   * Changes that become durable and visible together. Later changes of a key win. Not for use by
   * several threads at once.
   */
  public final class Batch {
    private List<Change> changes = new ArrayList<>();

    private Batch() {}

    /** Sets a value; the array belongs to the store from now on. */
    public Batch put(String table, String key, byte[] value) {
      changes.add(new Change(table, key, value));
      return this;
    }

    public Batch delete(String table, String key) {
      changes.add(new Change(table, key, null));
      return this;
    }

    public boolean isEmpty() {
      return changes.isEmpty();
    }

    /**
     * Writes the changes and returns once they are durable and readable. An interrupt does not
     * shorten the wait; it is kept for the caller.
     */
    public void commit() {
      commitLater().await();
    }

    /**
     * Writes the changes soon, in the order of such calls. They are readable a moment later, and
     * lost if the process dies before.
     */
    public Commit commitLater() {
      List<Change> sent = changes;
      changes = new ArrayList<>();
      return new Commit(sent.isEmpty() ? null : submit(Kind.BATCH, LogFile.encode(sent), sent));
    }
  }

  /** A batch on its way to the disk. */
  public static final class Commit {
    private final @Nullable Pending pending;

    private Commit(@Nullable Pending pending) {
      this.pending = pending;
    }

    /** Returns once the batch is durable and readable; throws if it could not be written. */
    public void await() {
      if (pending != null) {
        MetadataStore.await(pending);
      }
    }
  }

  private Pending submit(Kind kind, byte[] payload, List<Change> changes) {
    if (payload.length > LogFile.MAX_PAYLOAD) {
      throw new BuildException(Category.RESOURCE_EXHAUSTED, "batch of " + payload.length);
    }
    Pending pending = new Pending(kind, payload, changes);
    synchronized (queue) { // nothing may follow the closing frame
      if (closed.get()) {
        throw new BuildException(Category.FAILED_PRECONDITION, "metadata store is closed");
      }
      if (kind == Kind.CLOSED) {
        closed.set(true);
      }
      queue.add(pending);
    }
    return pending;
  }

  private static void await(Pending pending) {
    boolean interrupted = false;
    while (true) {
      try {
        pending.done.await();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    Exception failure = pending.failure;
    if (failure != null) {
      throw BuildException.unknown("write metadata: " + failure.getMessage(), failure);
    }
  }

  /** Waits until all that was committed so far, later or not, is durable. */
  public void flush() {
    Pending marker = new Pending(Kind.BATCH, new byte[0], List.of());
    synchronized (queue) {
      if (closed.get()) {
        return;
      }
      queue.add(marker);
    }
    await(marker);
  }

  // --- the writer ---

  private void write() {
    List<Pending> group = new ArrayList<>();
    ByteBuffer buffer = ByteBuffer.allocateDirect(64 << 10);
    boolean last = false;
    while (!last) {
      group.clear();
      long bytes = 0;
      try {
        Pending first = queue.take();
        for (Pending next = first; next != null; next = queue.poll()) {
          group.add(next);
          bytes += LogFile.frameSize(next.payload);
          if (bytes > GROUP_BYTES) {
            break;
          }
        }
      } catch (InterruptedException e) {
        continue; // nobody interrupts this thread; if someone did, it would not matter
      }
      last = group.getLast().kind == Kind.CLOSED;
      try {
        if (bytes > buffer.capacity()) {
          buffer = ByteBuffer.allocateDirect(Math.toIntExact(bytes + bytes / 2));
        }
        append(buffer.clear(), group, last);
      } catch (IOException | RuntimeException e) {
        log.error("metadata not written file={} batches={}", file, group.size(), e);
        group.forEach(pending -> pending.failure = e);
      }
      group.forEach(pending -> pending.done.countDown());
      if (!last && size() > settings.compactAbove && size() > 2 * liveBytes) {
        compact();
      }
    }
  }

  private void append(ByteBuffer buffer, List<Pending> group, boolean last) throws IOException {
    for (Pending pending : group) {
      if (pending.kind != Kind.BATCH || pending.payload.length > 0) {
        LogFile.frame(buffer, pending.kind, pending.payload);
      }
    }
    buffer.flip();
    int size = buffer.remaining();
    records.append(buffer, last || settings.forceEachGroup);
    bytesWritten.addAndGet(size);
    for (Pending pending : group) {
      pending.changes.forEach(this::apply);
    }
  }

  private void apply(Change change) {
    ConcurrentSkipListMap<String, byte[]> map =
        tables.computeIfAbsent(change.table(), t -> new ConcurrentSkipListMap<>());
    byte[] value = change.value();
    byte[] before = value == null ? map.remove(change.key()) : map.put(change.key(), value);
    if (before != null) {
      liveBytes -= new Change(change.table(), change.key(), before).cost();
    }
    if (value != null) {
      liveBytes += change.cost();
    }
  }

  /** Writes the live records into a new file that takes the log's place. */
  private void compact() {
    long before = size();
    try {
      // the new file has no checkpoints of old, so all it speaks of must be on disk already
      Linux.syncfs(directory);
      records.replace(this::writeAll);
      bytesWritten.addAndGet(size());
      compactions.incrementAndGet();
      Linux.syncfs(directory);
      log.info("metadata log rewritten before={} after={}", before, size());
    } catch (IOException | RuntimeException e) {
      log.error("metadata log not rewritten file={}", file, e);
    }
    // measured anew, so that an inexact estimate cannot lead to rewriting without end
    liveBytes = Math.max(liveBytes, size());
  }

  private void writeAll(LogFile.Batches batches) throws IOException {
    List<Change> some = new ArrayList<>();
    long bytes = 0;
    for (Map.Entry<String, ConcurrentSkipListMap<String, byte[]>> table : tables.entrySet()) {
      for (Map.Entry<String, byte[]> entry : table.getValue().entrySet()) {
        Change change = new Change(table.getKey(), entry.getKey(), entry.getValue());
        some.add(change);
        bytes += change.cost();
        if (bytes > 1 << 20) {
          batches.add(some);
          some.clear();
          bytes = 0;
        }
      }
    }
    batches.add(some);
  }

  private void checkpoints() {
    long rewrites = compactions.get();
    while (true) {
      try {
        if (closing.await(settings.checkpointEvery.toMillis(), TimeUnit.MILLISECONDS)) {
          return;
        }
        long upTo = size();
        long generation = compactions.get();
        if (upTo == noted.get() && generation == rewrites) {
          continue;
        }
        Linux.syncfs(directory);
        if (generation != compactions.get()) {
          continue; // positions before the rewriting mean nothing any more
        }
        Pending marker = submit(Kind.CHECKPOINT, new Encoder().number(upTo).toBytes(), List.of());
        await(marker);
        // what others wrote meanwhile may not be on disk: then the next round notes that
        long after = upTo + LogFile.frameSize(marker.payload);
        noted.set(size() == after ? after : upTo);
        rewrites = generation;
      } catch (InterruptedException e) {
        return;
      } catch (LinuxException | RuntimeException e) {
        if (!closed.get()) {
          log.warn("no checkpoint of the metadata store file={}", file, e);
        }
      }
    }
  }

  /** Writes all that is pending and closes the file. What comes later is refused. */
  @Override
  public void close() {
    if (closed.get()) {
      return;
    }
    Pending last;
    try {
      closing.countDown();
      joinQuietly(checkpointer);
      Linux.syncfs(directory); // a clean end vouches for the files too
      last = submit(Kind.CLOSED, new byte[0], List.of());
    } catch (BuildException e) {
      return; // closed before
    } catch (LinuxException e) {
      throw BuildException.unknown("close metadata store: " + e.getMessage(), e);
    }
    try {
      await(last);
    } finally {
      joinQuietly(writer);
      closeFiles();
    }
  }

  private void closeFiles() {
    try {
      Threads.nativeCalls()
          .callUninterruptibly(() -> {
            records.close();
            Linux.close(directory);
            return true;
          });
    } catch (Exception e) {
      log.warn("metadata log not closed file={}", file, e);
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

  /** Reads a log as it stands, also while a daemon writes to it; for tools. */
  public static void read(Path file, Reader reader) throws IOException {
    SortedMap<String, SortedMap<String, byte[]>> found = new TreeMap<>();
    LogFile.read(
        file,
        change -> {
          SortedMap<String, byte[]> table =
              found.computeIfAbsent(change.table(), t -> new TreeMap<>());
          byte[] value = change.value();
          if (value == null) {
            table.remove(change.key());
          } else {
            table.put(change.key(), value);
          }
        });
    found.forEach((table, rows) -> rows.forEach((key, value) -> reader.read(table, key, value)));
  }
}
