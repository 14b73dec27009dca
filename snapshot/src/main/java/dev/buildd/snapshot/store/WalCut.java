package dev.buildd.snapshot.store;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Map;
import org.rocksdb.AbstractWalFilter;
import org.rocksdb.WalProcessingOption;
import org.rocksdb.WriteBatch;

/**
 * Looks at the batches that a database has not written to its tables yet while it is opened, and
 * leaves out those behind a sequence number.
 */
final class WalCut extends AbstractWalFilter {
  private static final int HEADER = 12; // of a batch: sequence number and count
  private static final byte PUT = 1;

  private final long keep;
  private final byte[] marker;
  private long vouched;
  private long dropped;

  /**
   * @param keep the last sequence number that is kept
   * @param marker the key whose rows say up to which sequence number all is safe
   */
  WalCut(long keep, byte[] marker) {
    this.keep = keep;
    this.marker = marker.clone();
  }

  /** What the last marker said; 0 without one. */
  long vouched() {
    return vouched;
  }

  /** How many changes were left out. */
  long dropped() {
    return dropped;
  }

  @Override
  public void columnFamilyLogNumberMap(
      Map<Integer, Long> columnFamilyLogs, Map<String, Integer> columnFamilies) {}

  @Override
  public LogRecordFoundResult logRecordFound(
      long logNumber, String logFileName, WriteBatch batch, WriteBatch newBatch) {
    byte[] data;
    try {
      data = batch.data();
    } catch (org.rocksdb.RocksDBException e) {
      return new LogRecordFoundResult(WalProcessingOption.CORRUPTED_RECORD, false);
    }
    ByteBuffer in = ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN);
    long first = in.getLong();
    int count = in.getInt();
    if (first + count - 1 > keep) {
      dropped += count;
      return new LogRecordFoundResult(WalProcessingOption.IGNORE_CURRENT_RECORD, false);
    }
    if (isMarker(data, count)) {
      vouched =
          Math.max(vouched, new Decoder(Arrays.copyOfRange(data, valueAt(), data.length)).number());
    }
    return new LogRecordFoundResult(WalProcessingOption.CONTINUE_PROCESSING, false);
  }

  /** A batch of the one marker: tag, length of the key, the key, length of the value, the value. */
  private boolean isMarker(byte[] data, int count) {
    int end = HEADER + 2 + marker.length;
    return count == 1
        && data.length > end
        && data[HEADER] == PUT
        && data[HEADER + 1] == marker.length
        && Arrays.equals(data, HEADER + 2, end, marker, 0, marker.length);
  }

  private int valueAt() {
    return HEADER + 2 + marker.length + 1;
  }

  @Override
  public String name() {
    return "cut";
  }
}
