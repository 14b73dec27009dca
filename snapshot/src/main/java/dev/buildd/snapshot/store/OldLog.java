package dev.buildd.snapshot.store;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.zip.CRC32C;
import org.rocksdb.RocksDBException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the log in which earlier versions kept all records (docs/adr/0001): frames one after
 * another, each with a checksum. What follows a torn or damaged frame is left out, and so is what
 * follows the last checkpoint if another boot of the machine left the log without a clean end.
 */
final class OldLog {
  private static final Logger log = LoggerFactory.getLogger(OldLog.class);

  private static final byte[] MAGIC = "BUILDDL1".getBytes(StandardCharsets.US_ASCII);
  private static final int HEADER = 8; // length and checksum of a frame
  private static final int MAX_FRAME = 1 << 30;
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  private static final byte BATCH = 0;
  private static final byte OPENED = 1; // holds the boot id of the machine
  private static final byte CHECKPOINT = 2; // all before the noted position is on disk
  private static final byte CLOSED = 3;

  private OldLog() {}

  /** Takes the changes, in their order. */
  interface Reader {
    void read(Change change) throws RocksDBException;
  }

  /**
   * Hands over all changes that can be trusted.
   *
   * @throws BuildException {@code FAILED_PRECONDITION} if it is some other file
   */
  static void read(Path file, Reader reader) throws IOException, RocksDBException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
        Arena arena = Arena.ofConfined()) {
      if (channel.size() < MAGIC.length) {
        return;
      }
      MemorySegment map = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      if (map.asSlice(0, MAGIC.length).mismatch(MemorySegment.ofArray(MAGIC)) != -1) {
        throw new BuildException(
            Category.FAILED_PRECONDITION, file + " is not a metadata log of this program");
      }
      Ends ends = measure(map);
      long end = ends.valid;
      boolean otherBoot =
          ends.boot.length > 0
              && !Arrays.equals(
                  ends.boot, StoreDirectory.bootId().getBytes(StandardCharsets.UTF_8));
      if (otherBoot && !ends.clean) {
        end = Math.min(end, Math.max(ends.checkpoint, MAGIC.length));
        log.warn("metadata log cut to its last checkpoint after a power loss at={}", end);
      }
      if (end < map.byteSize()) {
        log.warn("metadata log had a bad end, dropped bytes={}", map.byteSize() - end);
      }
      replay(map, end, reader);
    }
  }

  private record Ends(long valid, long checkpoint, boolean clean, byte[] boot) {}

  private static Ends measure(MemorySegment map) {
    long at = MAGIC.length;
    long checkpoint = at;
    boolean clean = true;
    byte[] boot = new byte[0];
    while (at + HEADER + 1 <= map.byteSize()) {
      int length = number(map, at);
      if (length < 1 || length > MAX_FRAME || at + HEADER + length > map.byteSize()) {
        break;
      }
      CRC32C crc = new CRC32C();
      crc.update(map.asSlice(at + HEADER, length).asByteBuffer());
      byte kind = kind(map, at);
      if (((int) crc.getValue() ^ length) != number(map, at + 4) || kind < BATCH || kind > CLOSED) {
        break;
      }
      if (kind == OPENED) {
        boot = payload(map, at, length);
      } else if (kind == CHECKPOINT) {
        checkpoint = new Decoder(payload(map, at, length)).number();
      }
      clean = kind == CLOSED || (clean && kind == CHECKPOINT);
      at += HEADER + length;
    }
    return new Ends(at, checkpoint, clean, boot);
  }

  // copied, because single values are reached through VarHandles, which a native executable lacks

  private static int number(MemorySegment map, long at) {
    int[] out = new int[1];
    MemorySegment.copy(map, INT, at, out, 0, 1);
    return out[0];
  }

  private static byte kind(MemorySegment map, long at) {
    byte[] out = new byte[1];
    MemorySegment.copy(map, ValueLayout.JAVA_BYTE, at + HEADER, out, 0, 1);
    return out[0];
  }

  private static byte[] payload(MemorySegment map, long at, int length) {
    return map.asSlice(at + HEADER + 1, length - 1L).toArray(ValueLayout.JAVA_BYTE);
  }

  private static void replay(MemorySegment map, long end, Reader reader) throws RocksDBException {
    long at = MAGIC.length;
    while (at < end) {
      int length = number(map, at);
      if (kind(map, at) == BATCH) {
        decode(payload(map, at, length), reader);
      }
      at += HEADER + length;
    }
  }

  private static void decode(byte[] payload, Reader reader) throws RocksDBException {
    Decoder in = new Decoder(payload);
    while (in.hasMore()) {
      boolean put = in.flag();
      Table table = Table.named(in.text());
      byte[] key = in.bytes();
      byte[] value = put ? in.bytes() : null;
      if (table != null) {
        reader.read(new Change(MetadataStore.key(table, key), value));
      }
    }
  }
}
