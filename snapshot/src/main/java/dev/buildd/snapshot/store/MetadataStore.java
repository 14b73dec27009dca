package dev.buildd.snapshot.store;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.LinuxException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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
import java.util.function.Consumer;
import java.util.zip.CRC32C;
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

  private static final byte[] MAGIC = "BUILDDL1".getBytes(StandardCharsets.US_ASCII);
  private static final int HEADER = 8; // length and checksum of a frame
  private static final int MAX_FRAME = 1 << 30;
  private static final int GROUP_BYTES = 4 << 20;
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  /** What a frame is. */
  private enum Kind {
    BATCH(0),
    /** The log was opened; holds the boot id of the machine. */
    OPENED(1),
    /** All before the noted position, and all files it speaks of, had reached the disk. */
    CHECKPOINT(2),
    /** The log was closed in order. */
    CLOSED(3);

    final byte code;

    Kind(int code) {
      this.code = (byte) code;
    }

    static @Nullable Kind of(byte code) {
      for (Kind kind : values()) {
        if (kind.code == code) {
          return kind;
        }
      }
      return null;
    }
  }

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

  private record Change(String table, String key, byte @Nullable [] value) {
    int cost() {
      return table.length() + key.length() + (value == null ? 0 : value.length) + 8;
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
  private FileChannel channel;
  private long liveBytes;
  private final AtomicLong end = new AtomicLong(); // of the log
  private final AtomicLong bytesWritten = new AtomicLong();
  private final AtomicLong compactions = new AtomicLong();
  private final AtomicLong noted = new AtomicLong(); // how far all is known to be on disk

  private MetadataStore(Path file, Settings settings) throws IOException {
    this.file = file;
    this.settings = settings;
    Path parent = file.toAbsolutePath().resolveSibling(".").normalize();
    Files.createDirectories(parent);
    Files.deleteIfExists(rewritten());
    this.channel =
        FileChannel.open(
            file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    try {
      recover();
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
    this.directory = Linux.open(parent, Linux.O_RDONLY | Linux.O_DIRECTORY, 0);
    this.writer = Threads.startPlatform("metadata-writer", this::write);
    this.checkpointer = Threads.startPlatform("metadata-checkpoint", this::checkpoints);
    submit(Kind.OPENED, bootId(), List.of());
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

  /** The value of a key. The array is the store's own: never change it. */
  public Optional<byte[]> get(String table, String key) {
    ConcurrentSkipListMap<String, byte[]> map = tables.get(table);
    return map == null ? Optional.empty() : Optional.ofNullable(map.get(key));
  }

  /** The records whose key begins with the prefix, in key order; a live view. */
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
    return end.get();
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
      return new Commit(sent.isEmpty() ? null : submit(Kind.BATCH, encode(sent), sent));
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

  private static byte[] encode(List<Change> changes) {
    Encoder out = new Encoder();
    for (Change change : changes) {
      out.oneByte(change.value == null ? 0 : 1).text(change.table).text(change.key);
      if (change.value != null) {
        out.bytes(change.value);
      }
    }
    return out.toBytes();
  }

  private Pending submit(Kind kind, byte[] payload, List<Change> changes) {
    if (payload.length > MAX_FRAME - HEADER) {
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
          bytes += HEADER + 1L + next.payload.length;
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
      if (!last && end.get() > settings.compactAbove && end.get() > 2 * liveBytes) {
        compact();
      }
    }
  }

  private void append(ByteBuffer buffer, List<Pending> group, boolean last) throws IOException {
    for (Pending pending : group) {
      if (pending.kind != Kind.BATCH || pending.payload.length > 0) {
        frame(buffer, pending.kind, pending.payload);
      }
    }
    buffer.flip();
    int size = buffer.remaining();
    try {
      writeFully(channel, buffer, end.get());
      if (last || settings.forceEachGroup) {
        channel.force(false);
      }
    } catch (IOException e) {
      truncateTo(end.get());
      throw e;
    }
    end.addAndGet(size);
    bytesWritten.addAndGet(size);
    for (Pending pending : group) {
      pending.changes.forEach(this::apply);
    }
  }

  private void truncateTo(long size) {
    try {
      channel.truncate(size);
    } catch (IOException e) {
      log.error("metadata log not cut back file={} size={}", file, size, e);
    }
  }

  private static void frame(ByteBuffer buffer, Kind kind, byte[] payload) {
    int start = buffer.position();
    buffer.putInt(payload.length + 1);
    buffer.putInt(0);
    buffer.put(kind.code);
    buffer.put(payload);
    CRC32C crc = new CRC32C();
    crc.update(buffer.duplicate().flip().position(start + HEADER));
    buffer.putInt(start + 4, (int) crc.getValue() ^ (payload.length + 1));
  }

  private static void writeFully(FileChannel to, ByteBuffer buffer, long at) throws IOException {
    long next = at;
    while (buffer.hasRemaining()) {
      next += to.write(buffer, next);
    }
  }

  private void apply(Change change) {
    ConcurrentSkipListMap<String, byte[]> map =
        tables.computeIfAbsent(change.table, t -> new ConcurrentSkipListMap<>());
    byte[] before =
        change.value == null ? map.remove(change.key) : map.put(change.key, change.value);
    if (before != null) {
      liveBytes -= new Change(change.table, change.key, before).cost();
    }
    if (change.value != null) {
      liveBytes += change.cost();
    }
  }

  /** Writes the live records into a new file that takes the log's place. */
  private void compact() {
    long before = end.get();
    try {
      // the new file has no checkpoints of old, so all it speaks of must be on disk already
      Linux.syncfs(directory);
      Path target = rewritten();
      FileChannel next =
          FileChannel.open(
              target,
              StandardOpenOption.CREATE,
              StandardOpenOption.TRUNCATE_EXISTING,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE);
      long size;
      try {
        size = rewrite(next);
        next.force(true);
        Files.move(target, file, StandardCopyOption.ATOMIC_MOVE);
        Linux.syncfs(directory);
      } catch (IOException | RuntimeException e) {
        next.close();
        throw e;
      }
      channel.close();
      channel = next;
      end.set(size);
      bytesWritten.addAndGet(size);
      compactions.incrementAndGet();
      log.info("metadata log rewritten before={} after={}", before, size);
    } catch (IOException | RuntimeException e) {
      log.error("metadata log not rewritten file={}", file, e);
    }
    // measured anew, so that an inexact estimate cannot lead to rewriting without end
    liveBytes = Math.max(liveBytes, end.get());
  }

  private long rewrite(FileChannel next) throws IOException {
    long at = 0;
    ByteBuffer magic = ByteBuffer.wrap(MAGIC);
    writeFully(next, magic, at);
    at += MAGIC.length;
    at = writeFrame(next, at, Kind.OPENED, bootId());
    List<Change> some = new ArrayList<>();
    long bytes = 0;
    for (Map.Entry<String, ConcurrentSkipListMap<String, byte[]>> table : tables.entrySet()) {
      for (Map.Entry<String, byte[]> entry : table.getValue().entrySet()) {
        Change change = new Change(table.getKey(), entry.getKey(), entry.getValue());
        some.add(change);
        bytes += change.cost();
        if (bytes > 1 << 20) {
          at = writeFrame(next, at, Kind.BATCH, encode(some));
          some.clear();
          bytes = 0;
        }
      }
    }
    at = writeFrame(next, at, Kind.BATCH, encode(some));
    return writeFrame(next, at, Kind.CHECKPOINT, new Encoder().number(at).toBytes());
  }

  private static long writeFrame(FileChannel to, long at, Kind kind, byte[] payload)
      throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(HEADER + 1 + payload.length);
    frame(buffer, kind, payload);
    writeFully(to, buffer.flip(), at);
    return at + buffer.limit();
  }

  private Path rewritten() {
    return file.resolveSibling(file.getFileName() + ".new");
  }

  private void checkpoints() {
    long rewrites = compactions.get();
    while (true) {
      try {
        if (closing.await(settings.checkpointEvery.toMillis(), TimeUnit.MILLISECONDS)) {
          return;
        }
        long upTo = end.get();
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
        long after = upTo + HEADER + 1 + marker.payload.length;
        noted.set(end.get() == after ? after : upTo);
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

  // --- recovery ---

  private void recover() throws IOException {
    long size = channel.size();
    if (size < MAGIC.length) {
      channel.truncate(0);
      writeFully(channel, ByteBuffer.wrap(MAGIC), 0);
      end.set(MAGIC.length);
      return;
    }
    try (Arena arena = Arena.ofShared()) {
      MemorySegment map = channel.map(FileChannel.MapMode.READ_ONLY, 0, size, arena);
      if (!isLog(map)) {
        throw new BuildException(
            Category.FAILED_PRECONDITION, file + " is not a metadata log of this program");
      }
      Ends ends = measure(map);
      boolean otherBoot = ends.boot.length > 0 && !Arrays.equals(ends.boot, bootId());
      long valid = ends.valid;
      if (otherBoot && !ends.clean) {
        valid = Math.min(valid, Math.max(ends.checkpoint, MAGIC.length));
        log.warn("metadata log cut to its last checkpoint after a power loss at={}", valid);
      }
      end.set(replay(map, valid, this::apply));
    }
    if (end.get() < size) {
      log.warn("metadata log had a torn end file={} bytes={}", file, size - end.get());
      channel.truncate(end.get());
    }
  }

  private static boolean isLog(MemorySegment map) {
    return map.byteSize() >= MAGIC.length
        && map.asSlice(0, MAGIC.length).mismatch(MemorySegment.ofArray(MAGIC)) == -1;
  }

  private static long replay(MemorySegment map, long end, Consumer<Change> reader) {
    long at = MAGIC.length;
    while (at < end) {
      int length = map.get(INT, at);
      if (map.get(ValueLayout.JAVA_BYTE, at + HEADER) == Kind.BATCH.code) {
        decode(map.asSlice(at + HEADER + 1, length - 1L).toArray(ValueLayout.JAVA_BYTE), reader);
      }
      at += HEADER + length;
    }
    return at;
  }

  private record Ends(long valid, long checkpoint, boolean clean, byte[] boot) {}

  private static Ends measure(MemorySegment map) {
    long at = MAGIC.length;
    long checkpoint = at;
    boolean clean = true;
    byte[] boot = new byte[0];
    while (at + HEADER + 1 <= map.byteSize()) {
      int length = map.get(INT, at);
      if (length < 1 || length > MAX_FRAME || at + HEADER + length > map.byteSize()) {
        break;
      }
      CRC32C crc = new CRC32C();
      crc.update(map.asSlice(at + HEADER, length).asByteBuffer());
      Kind kind = Kind.of(map.get(ValueLayout.JAVA_BYTE, at + HEADER));
      if (((int) crc.getValue() ^ length) != map.get(INT, at + 4) || kind == null) {
        break;
      }
      byte[] payload =
          kind == Kind.BATCH
              ? new byte[0]
              : map.asSlice(at + HEADER + 1, length - 1L).toArray(ValueLayout.JAVA_BYTE);
      switch (kind) {
        case BATCH -> clean = false;
        case OPENED -> {
          clean = false;
          boot = payload;
        }
        case CHECKPOINT -> checkpoint = new Decoder(payload).number();
        case CLOSED -> clean = true;
      }
      at += HEADER + length;
    }
    return new Ends(at, checkpoint, clean, boot);
  }

  private static void decode(byte[] payload, Consumer<Change> reader) {
    Decoder in = new Decoder(payload);
    while (in.hasMore()) {
      boolean put = in.flag();
      String table = in.text();
      String key = in.text();
      reader.accept(new Change(table, key, put ? in.bytes() : null));
    }
  }

  private static byte[] bootId() {
    try {
      return Files.readAllBytes(Path.of("/proc/sys/kernel/random/boot_id"));
    } catch (IOException e) {
      return new byte[0];
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
            channel.close();
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
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
        Arena arena = Arena.ofConfined()) {
      MemorySegment map = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      if (isLog(map)) {
        replay(
            map,
            measure(map).valid,
            change -> {
              SortedMap<String, byte[]> table =
                  found.computeIfAbsent(change.table, t -> new TreeMap<>());
              if (change.value == null) {
                table.remove(change.key);
              } else {
                table.put(change.key, change.value);
              }
            });
      }
    }
    found.forEach((table, rows) -> rows.forEach((key, value) -> reader.read(table, key, value)));
  }
}
