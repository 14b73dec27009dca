package dev.buildd.snapshot.store;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.rocksdb.AbstractEventListener;
import org.rocksdb.AbstractImmutableNativeReference;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.BloomFilter;
import org.rocksdb.CompactionJobInfo;
import org.rocksdb.CompressionType;
import org.rocksdb.FlushJobInfo;
import org.rocksdb.FlushOptions;
import org.rocksdb.InfoLogLevel;
import org.rocksdb.LRUCache;
import org.rocksdb.LiveFileMetaData;
import org.rocksdb.Options;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;
import org.rocksdb.Slice;
import org.rocksdb.Status;
import org.rocksdb.WALRecoveryMode;
import org.rocksdb.WriteBatch;
import org.rocksdb.WriteOptions;

/**
 * One open RocksDB with the settings of this program, which keep it small: 32 MiB of blocks in
 * memory, some MiB of what is not in tables yet.
 *
 * <p>Safe for use by many threads; closed once nobody uses it. One writes.
 */
final class RecordFiles implements AutoCloseable {
  private static final long BLOCK_CACHE = 32L << 20;
  private static final long WRITE_BUFFER = 8L << 20;
  private static final long TABLE_FILE = 8L << 20;
  private static final int OPEN_FILES = 256;
  private static final int BLOCK = 8 << 10;
  private static final String BACKGROUND_ERRORS = "rocksdb.background-errors";

  /** The most that waits in memory to be written to tables, in bytes. */
  static final long MOST_UNWRITTEN = 3 * WRITE_BUFFER;

  private final RocksDB database;
  private final WriteOptions writing;
  private final List<AbstractImmutableNativeReference> owned; // in the order of their making

  /** How to open. */
  enum Mode {
    /** To read and write. */
    WRITE,
    /** To read only; changes nothing on disk. */
    READ,
    /** As {@link #READ}, whatever is damaged, as far as it goes. */
    SALVAGE
  }

  private RecordFiles(RocksDB database, List<AbstractImmutableNativeReference> owned) {
    this.database = database;
    this.owned = owned;
    this.writing = own(owned, new WriteOptions().setNoSlowdown(true));
  }

  static void loadLibrary() {
    RocksDB.loadLibrary(); // beside the jars, if hack/assemble.sh put it there
  }

  private static <T extends AbstractImmutableNativeReference> T own(
      List<AbstractImmutableNativeReference> owned, T object) {
    owned.add(object);
    return object;
  }

  /**
   * Opens a database, or makes one.
   *
   * @param cut leaves out what was not in tables yet
   * @param tables hears of tables
   */
  static RecordFiles open(Path directory, Mode mode, @Nullable WalCut cut, @Nullable Tables tables)
      throws RocksDBException {
    loadLibrary();
    List<AbstractImmutableNativeReference> owned = new ArrayList<>();
    try {
      Options options = options(owned, mode);
      if (cut != null) {
        options.setWalFilter(cut);
      }
      if (tables != null) {
        options.setListeners(List.of(own(owned, new Events(tables))));
      }
      RocksDB database =
          mode == Mode.WRITE
              ? RocksDB.open(options, directory.toString())
              : RocksDB.openReadOnly(options, directory.toString());
      return new RecordFiles(database, owned);
    } catch (RocksDBException | RuntimeException | Error e) {
      closeAll(owned);
      throw e;
    }
  }

  private static Options options(List<AbstractImmutableNativeReference> owned, Mode mode) {
    BlockBasedTableConfig tables =
        new BlockBasedTableConfig()
            .setBlockCache(own(owned, new LRUCache(BLOCK_CACHE)))
            .setFilterPolicy(own(owned, new BloomFilter(10)))
            .setBlockSize(BLOCK)
            .setCacheIndexAndFilterBlocks(true) // else they grow with the store
            .setPinL0FilterAndIndexBlocksInCache(true);
    return own(owned, new Options())
        .setCreateIfMissing(mode == Mode.WRITE)
        .setTableFormatConfig(tables)
        .setCompressionType(CompressionType.LZ4_COMPRESSION)
        .setWriteBufferSize(WRITE_BUFFER)
        .setMaxWriteBufferNumber(3)
        .setTargetFileSizeBase(TABLE_FILE)
        .setMaxBytesForLevelBase(8 * TABLE_FILE)
        .setMaxBackgroundJobs(2)
        .setMaxOpenFiles(OPEN_FILES)
        .setSkipStatsUpdateOnDbOpen(true)
        .setParanoidChecks(mode != Mode.SALVAGE)
        .setSkipCheckingSstFileSizesOnDbOpen(mode == Mode.SALVAGE)
        .setWalRecoveryMode(WALRecoveryMode.PointInTimeRecovery)
        .setAllowFAllocate(false)
        .setAvoidFlushDuringShutdown(true)
        .setInfoLogLevel(InfoLogLevel.WARN_LEVEL)
        .setKeepLogFileNum(2)
        .setMaxLogFileSize(1 << 20)
        .setStatsDumpPeriodSec(0)
        .setStatsPersistPeriodSec(0);
  }

  /** Hears of the tables, on RocksDB's own threads. */
  interface Tables {
    /** Rows are about to be made permanent in a table. */
    void beforeTable();

    /** Which tables there are has changed. */
    void changed();
  }

  private static final class Events extends AbstractEventListener {
    private final Tables tables;

    Events(Tables tables) {
      super(
          EnabledEventCallback.ON_FLUSH_BEGIN,
          EnabledEventCallback.ON_FLUSH_COMPLETED,
          EnabledEventCallback.ON_COMPACTION_COMPLETED);
      this.tables = tables;
    }

    @Override
    public void onFlushBegin(RocksDB database, FlushJobInfo info) {
      tables.beforeTable();
    }

    @Override
    public void onFlushCompleted(RocksDB database, FlushJobInfo info) {
      tables.changed();
    }

    @Override
    public void onCompactionCompleted(RocksDB database, CompactionJobInfo info) {
      tables.changed();
    }
  }

  // --- reading ---

  byte @Nullable [] get(byte[] key) throws RocksDBException {
    return database.get(key);
  }

  /** A row as it is in the database. */
  record Row(byte[] key, byte[] value) {}

  /**
   * Rows in the order of their keys.
   *
   * @param from the first key
   * @param end the first key that is not wanted any more
   * @param most how many
   */
  List<Row> rows(byte[] from, byte[] end, int most) throws RocksDBException {
    List<Row> out = new ArrayList<>();
    try (Slice bound = new Slice(end);
        ReadOptions reading = new ReadOptions().setIterateUpperBound(bound);
        RocksIterator rows = database.newIterator(reading)) {
      for (rows.seek(from); out.size() < most && rows.isValid(); rows.next()) {
        out.add(new Row(rows.key(), rows.value()));
      }
      rows.status();
    }
    return out;
  }

  /** The last key before the given one, whatever its table. */
  byte @Nullable [] lastBefore(byte[] end) throws RocksDBException {
    try (RocksIterator rows = database.newIterator()) {
      rows.seekForPrev(end);
      while (rows.isValid() && Arrays.compareUnsigned(rows.key(), end) >= 0) {
        rows.prev();
      }
      rows.status();
      return rows.isValid() ? rows.key() : null;
    }
  }

  /** An iterator over everything; its user closes it before this is closed. */
  RocksIterator iterator() {
    try (ReadOptions reading = new ReadOptions().setFillCache(false)) {
      return database.newIterator(reading);
    }
  }

  // --- writing ---

  /**
   * Writes all changes or none. They are in the page cache when this returns.
   *
   * @return false if the tables cannot keep up now: then nothing was written
   */
  boolean write(Iterable<Change> changes) throws RocksDBException {
    try (WriteBatch batch = new WriteBatch()) {
      for (Change change : changes) {
        byte[] value = change.value();
        if (value == null) {
          batch.delete(change.key());
        } else {
          batch.put(change.key(), value);
        }
      }
      if (batch.count() > 0) {
        database.write(writing, batch);
      }
      return true;
    } catch (RocksDBException e) {
      Status status = e.getStatus();
      if (status != null && status.getCode() == Status.Code.Incomplete) {
        return false;
      }
      throw e;
    }
  }

  /** The names of the files of its tables. */
  Set<String> tableFiles() {
    Set<String> out = new HashSet<>();
    for (LiveFileMetaData file : database.getLiveFilesMetaData()) {
      out.add(file.fileName().replace("/", ""));
    }
    return out;
  }

  /** The number of the last change that was written. */
  long lastSequence() {
    return database.getLatestSequenceNumber();
  }

  /** How often work behind the back has failed since it was opened. */
  long backgroundErrors() throws RocksDBException {
    return database.getLongProperty(BACKGROUND_ERRORS);
  }

  /** Writes what is in memory into tables, and waits for their being on disk. */
  void flush() throws RocksDBException {
    try (FlushOptions options = new FlushOptions().setWaitForFlush(true)) {
      database.flush(options);
    }
  }

  /** Whether the failure says that what is on disk is not what was written. */
  static boolean isDamage(RocksDBException failure) {
    Status status = failure.getStatus();
    return (status != null && status.getCode() == Status.Code.Corruption)
        || String.valueOf(failure.getMessage()).contains("No such file or directory");
  }

  @Override
  public void close() {
    database.close();
    closeAll(owned);
  }

  private static void closeAll(List<AbstractImmutableNativeReference> owned) {
    owned.reversed().forEach(AbstractImmutableNativeReference::close);
  }
}
