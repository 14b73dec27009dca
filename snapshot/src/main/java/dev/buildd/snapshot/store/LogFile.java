package dev.buildd.snapshot.store;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
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
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The file of a {@link MetadataStore}: frames one after another, each with a checksum. A frame is
 * there as a whole or not at all; a torn end is cut off when the file is opened, and so is all
 * behind the last checkpoint if another boot of the machine left the file without a clean end.
 *
 * <p>For one thread, which must not be interrupted, for that closes the file; {@link #end()} is for
 * all.
 */
final class LogFile implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(LogFile.class);

  private static final byte[] MAGIC = "BUILDDL1".getBytes(StandardCharsets.US_ASCII);
  private static final int HEADER = 8; // length and checksum of a frame
  private static final int MAX_FRAME = 1 << 30;
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  /** The longest payload of a frame, in bytes. */
  static final int MAX_PAYLOAD = MAX_FRAME - HEADER;

  /** What a frame is. */
  enum Kind {
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

  /** One record that is set, or deleted if it has no value. */
  record Change(String table, String key, byte @Nullable [] value) {
    /** About how many bytes it takes in the log. */
    int cost() {
      return table.length() + key.length() + (value == null ? 0 : value.length) + 8;
    }
  }

  private final Path file;
  private FileChannel channel;
  private final AtomicLong end = new AtomicLong();

  private LogFile(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /**
   * Opens a log, or begins one, and mends its end.
   *
   * @param reader told all that is in it, in order
   * @throws BuildException {@code FAILED_PRECONDITION} if it is some other file
   */
  static LogFile open(Path file, Consumer<Change> reader) throws IOException {
    LogFile opened =
        new LogFile(
            file,
            FileChannel.open(
                file,
                StandardOpenOption.CREATE,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE));
    try {
      Files.deleteIfExists(opened.successor());
      opened.recover(reader);
      return opened;
    } catch (IOException | RuntimeException e) {
      opened.close();
      throw e;
    }
  }

  /** Its size in bytes. */
  long end() {
    return end.get();
  }

  /** What marks the opening of a log in this boot of the machine. */
  static byte[] bootId() {
    try {
      return Files.readAllBytes(Path.of("/proc/sys/kernel/random/boot_id"));
    } catch (IOException e) {
      return new byte[0];
    }
  }

  // --- writing ---

  /** The bytes of a frame with that payload. */
  static long frameSize(byte[] payload) {
    return HEADER + 1L + payload.length;
  }

  /** Adds a frame to what will be appended. */
  static void frame(ByteBuffer buffer, Kind kind, byte[] payload) {
    int start = buffer.position();
    buffer.putInt(payload.length + 1);
    buffer.putInt(0);
    buffer.put(kind.code);
    buffer.put(payload);
    CRC32C crc = new CRC32C();
    crc.update(buffer.duplicate().flip().position(start + HEADER));
    buffer.putInt(start + 4, (int) crc.getValue() ^ (payload.length + 1));
  }

  /**
   * Writes frames; after a failure none of them is there.
   *
   * @param force whether to wait until they have reached the disk
   */
  void append(ByteBuffer frames, boolean force) throws IOException {
    int size = frames.remaining();
    try {
      writeFully(channel, frames, end.get());
      if (force) {
        channel.force(false);
      }
    } catch (IOException e) {
      truncateTo(end.get());
      throw e;
    }
    end.addAndGet(size);
  }

  private void truncateTo(long size) {
    try {
      channel.truncate(size);
    } catch (IOException e) {
      log.error("metadata log not cut back file={} size={}", file, size, e);
    }
  }

  private static void writeFully(FileChannel to, ByteBuffer buffer, long at) throws IOException {
    long next = at;
    while (buffer.hasRemaining()) {
      next += to.write(buffer, next);
    }
  }

  /** Writes what a log is to hold. */
  interface Content {
    void writeTo(Batches batches) throws IOException;
  }

  /** Takes batches of changes. */
  interface Batches {
    void add(List<Change> changes) throws IOException;
  }

  /**
   * Puts a log with other content in this one's place, on disk and with a checkpoint at its end.
   * All files that it speaks of must be on disk before. After a failure the log is as it was.
   */
  void replace(Content content) throws IOException {
    FileChannel next =
        FileChannel.open(
            successor(),
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE);
    long size;
    try {
      size = write(next, content);
      next.force(true);
      Files.move(successor(), file, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException | RuntimeException e) {
      next.close();
      throw e;
    }
    FileChannel old = channel;
    channel = next; // the only one whose file has the name now
    end.set(size);
    old.close();
  }

  private static long write(FileChannel to, Content content) throws IOException {
    writeFully(to, ByteBuffer.wrap(MAGIC), 0);
    long[] at = {writeFrame(to, MAGIC.length, Kind.OPENED, bootId())};
    content.writeTo(changes -> at[0] = writeFrame(to, at[0], Kind.BATCH, encode(changes)));
    return writeFrame(to, at[0], Kind.CHECKPOINT, new Encoder().number(at[0]).toBytes());
  }

  private static long writeFrame(FileChannel to, long at, Kind kind, byte[] payload)
      throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(Math.toIntExact(frameSize(payload)));
    frame(buffer, kind, payload);
    writeFully(to, buffer.flip(), at);
    return at + buffer.limit();
  }

  private Path successor() {
    return file.resolveSibling(file.getFileName() + ".new");
  }

  /** The payload of a batch. */
  static byte[] encode(List<Change> changes) {
    Encoder out = new Encoder();
    for (Change change : changes) {
      out.oneByte(change.value == null ? 0 : 1).text(change.table).text(change.key);
      if (change.value != null) {
        out.bytes(change.value);
      }
    }
    return out.toBytes();
  }

  // --- reading ---

  private void recover(Consumer<Change> reader) throws IOException {
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
      end.set(replay(map, valid, reader));
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

  /** Tells what a log holds as it stands, also while a daemon writes to it. */
  static void read(Path file, Consumer<Change> reader) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
        Arena arena = Arena.ofConfined()) {
      MemorySegment map = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      if (isLog(map)) {
        replay(map, measure(map).valid, reader);
      }
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
