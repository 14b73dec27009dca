package dev.buildd.snapshot.store;

import java.math.BigInteger;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Copies what can be read of a damaged database. Where a block cannot be read, all rows between the
 * last one before it and the first one behind are left out, those in other files too: they might be
 * older than what was lost, and a row that is missing is better than one that is wrong.
 */
final class Salvage {
  private static final Logger log = LoggerFactory.getLogger(Salvage.class);
  private static final int AT_ONCE = 1_000;
  private static final int KEY_BYTES = 48; // more than any key's length that tells it from others

  private final RecordFiles from;
  private final RecordFiles to;
  private final List<Change> pending = new ArrayList<>();
  private long kept;
  private int gaps;

  private Salvage(RecordFiles from, RecordFiles to) {
    this.from = from;
    this.to = to;
  }

  /** Copies from one database into another, which is new. */
  static void copy(RecordFiles from, Path source, RecordFiles to) throws RocksDBException {
    Salvage salvage = new Salvage(from, to);
    salvage.run();
    to.flush();
    log.warn(
        "damaged metadata copied file={} rows={} unreadable={}",
        source,
        salvage.kept,
        salvage.gaps);
  }

  private void run() throws RocksDBException {
    byte[] next = new byte[0];
    while (next != null) {
      byte[] last = next;
      try (RocksIterator rows = from.iterator()) {
        for (rows.seek(next); rows.isValid(); rows.next()) {
          last = rows.key();
          keep(new Change(last, rows.value()));
        }
        rows.status();
        next = null;
      } catch (RocksDBException e) {
        if (!RecordFiles.isDamage(e)) {
          throw e;
        }
        gaps++;
        next = behind(last);
        log.error(
            "metadata unreadable, dropped from={} to={} cause=\"{}\"",
            shown(last),
            next == null ? "the end" : shown(next),
            e.getMessage());
      }
    }
    write();
  }

  private void keep(Change row) throws RocksDBException {
    pending.add(row);
    kept++;
    if (pending.size() >= AT_ONCE) {
      write();
    }
  }

  private void write() throws RocksDBException {
    while (!to.write(pending)) {
      Thread.onSpinWait();
    }
    pending.clear();
  }

  /** The first key that can be read behind one that is followed by what cannot. */
  private byte @Nullable [] behind(byte[] last) {
    BigInteger start = new BigInteger(1, Arrays.copyOf(last, KEY_BYTES));
    for (int bit = 0; bit <= 8 * KEY_BYTES; bit++) {
      byte[] at = key(start.add(BigInteger.ONE.shiftLeft(bit)));
      if (at == null) {
        return null;
      }
      try (RocksIterator rows = from.iterator()) {
        rows.seek(at);
        rows.status();
        return rows.isValid() ? rows.key() : null;
      } catch (RocksDBException e) {
        // still within; go on further
      }
    }
    return null;
  }

  private static byte @Nullable [] key(BigInteger number) {
    byte[] bytes = number.toByteArray();
    byte[] out = new byte[KEY_BYTES];
    int spare = bytes.length - KEY_BYTES;
    if (spare > 1 || (spare == 1 && bytes[0] != 0)) {
      return null; // behind all keys
    }
    System.arraycopy(
        bytes, Math.max(0, spare), out, Math.max(0, -spare), Math.min(bytes.length, KEY_BYTES));
    return out;
  }

  private static String shown(byte[] key) {
    Table table = key.length == 0 ? null : Table.of(key[0]);
    return (table == null ? "start" : table.text())
        + " "
        + new String(key, java.nio.charset.StandardCharsets.ISO_8859_1).replaceAll("[^ -~]", "?");
  }
}
