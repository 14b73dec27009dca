package dev.buildd.snapshot.store;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.FileTree;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.TreeFiles;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.locks.StampedLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;
import org.rocksdb.Status;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The directory of a {@link MetadataStore}: the database {@code db}, and beside it what its opening
 * needs. {@code opened} is there while the store is open, and names the boot of the machine; {@code
 * kept} is a copy of the files without which RocksDB does not know its tables; {@code reserve} is
 * space for what has to be written in order to free some.
 *
 * <p>A database that turns out to be damaged is replaced by what can be read of it, also while it
 * is in use. One that refuses writing, as RocksDB does after a failure, is opened anew once there
 * is space.
 *
 * <p>Safe for use by many threads; one writes.
 */
final class StoreDirectory implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(StoreDirectory.class);
  private static final long RESERVE = 16L << 20;
  private static final long ROOM = 1L << 20; // for what an opening writes beside rows
  private static final int MENDS = 3;
  private static final long RETRY_NANOS = 500_000_000L;

  private final Path root;
  private final Path database;
  private final MetadataStore.Settings settings;
  private final int descriptor; // for syncfs
  private final StampedLock access = new StampedLock(); // shared by all use of files
  private @Nullable RecordFiles files; // guarded by access; absent after a failure to open
  private boolean closed; // guarded by access
  private @Nullable Exception refusal; // the writer's: why nothing can be written
  private long retryAt; // the writer's
  private volatile boolean needsCheck;
  private volatile boolean checkWanted;
  private String kept = ""; // guarded by this

  private final RecordFiles.Tables tables =
      new RecordFiles.Tables() {
        @Override
        public void beforeTable() {
          try {
            sync(); // what the rows speak of
          } catch (IOException | RuntimeException e) {
            log.error("files not synced before metadata is made permanent", e);
          }
        }

        @Override
        public void changed() {
          keep();
        }
      };

  private StoreDirectory(Path root, MetadataStore.Settings settings) throws IOException {
    this.root = root;
    this.database = root.resolve("db");
    this.settings = settings;
    this.descriptor = Linux.open(root, Linux.O_RDONLY | Linux.O_DIRECTORY, 0);
  }

  static StoreDirectory open(Path path, MetadataStore.Settings settings)
      throws IOException, RocksDBException {
    Files.createDirectories(path);
    StoreDirectory out = new StoreDirectory(path.toRealPath(), settings);
    boolean complete = false;
    try {
      out.open(path.resolveSibling(path.getFileName() + ".log"));
      complete = true;
      return out;
    } finally {
      if (!complete) {
        out.closeFiles();
        Linux.close(out.descriptor);
      }
    }
  }

  private void open(Path oldLog) throws IOException, RocksDBException {
    FileTree.delete(root.resolve("db.new"));
    Path mark = root.resolve("opened");
    String boot = Files.exists(mark) ? Files.readString(mark) : null;
    if (Files.exists(database)) {
      Files.deleteIfExists(oldLog); // taken over before
    } else if (Files.exists(oldLog)) {
      takeOver(oldLog);
    }
    if (boot != null) {
      sync(); // what a dead process wrote must not become permanent before the files it speaks of
    }
    needsCheck = Files.deleteIfExists(root.resolve("check")) || boot != null;
    boolean powerLoss = boot != null && !boot.equals(settings.boot());
    Opening opening = () -> powerLoss ? openVouched() : openAll();
    try {
      files = mended(opening);
    } catch (RocksDBException e) {
      if (!isNoSpace(e) || !Files.deleteIfExists(root.resolve("reserve"))) {
        throw e;
      }
      log.warn("the disk is full, reserved space is used to start");
      files = mended(opening);
    }
    note(mark);
    keep();
    reserve();
  }

  /** What marks the opening of a store in this boot of the machine. */
  static String bootId() {
    try {
      return Files.readString(Path.of("/proc/sys/kernel/random/boot_id"));
    } catch (IOException e) {
      return "unknown";
    }
  }

  private void note(Path mark) throws IOException {
    Path partial = root.resolve("opened.new");
    try (FileOutputStream out = new FileOutputStream(partial.toFile())) {
      out.write(settings.boot().getBytes(StandardCharsets.UTF_8));
      out.getFD().sync();
    }
    Files.move(partial, mark, StandardCopyOption.ATOMIC_MOVE);
    syncRoot();
  }

  private void syncRoot() throws IOException {
    try (FileChannel channel = FileChannel.open(root, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  // --- opening ---

  private interface Opening {
    RecordFiles open() throws RocksDBException;
  }

  private RecordFiles openAll() throws RocksDBException {
    return RecordFiles.open(database, RecordFiles.Mode.WRITE, null, tables);
  }

  /** Opens without what came after the last time that all was known to be on disk. */
  private RecordFiles openVouched() throws RocksDBException {
    WalCut look = new WalCut(Long.MAX_VALUE, MetadataStore.marker());
    RecordFiles.open(database, RecordFiles.Mode.READ, look, null).close();
    WalCut cut = new WalCut(look.vouched(), MetadataStore.marker());
    RecordFiles out = RecordFiles.open(database, RecordFiles.Mode.WRITE, cut, tables);
    if (cut.dropped() > 0) {
      log.warn("metadata dropped that was not safe at a power loss changes={}", cut.dropped());
    }
    return out;
  }

  /** Opens; mends what is damaged and opens again. */
  private RecordFiles mended(Opening opening) throws IOException, RocksDBException {
    String damage;
    try {
      if (!isCutShort()) {
        return opening.open();
      }
      damage = "the manifest is shorter than it was";
    } catch (RocksDBException e) {
      if (!Files.exists(database) || !RecordFiles.isDamage(e)) {
        throw e;
      }
      damage = String.valueOf(e.getMessage());
    }
    log.error("metadata is damaged, mending it file={} cause=\"{}\"", database, damage);
    if (restore()) {
      try {
        return opening.open();
      } catch (RocksDBException e) {
        log.error("metadata has unreadable files cause=\"{}\"", e.getMessage());
      }
    }
    replace();
    return openAll();
  }

  boolean needsCheck() {
    return needsCheck;
  }

  /** Lets the next start check, also after a clean end. */
  void wantCheck() {
    checkWanted = true;
  }

  /** Replaces the database, which is closed, by what can be read of it. */
  private void replace() throws IOException, RocksDBException {
    needsCheck = true;
    Path next = root.resolve("db.new");
    FileTree.delete(next);
    try (RecordFiles to = RecordFiles.open(next, RecordFiles.Mode.WRITE, null, null)) {
      WalCut cut = vouchedOnly();
      try (RecordFiles from = RecordFiles.open(database, RecordFiles.Mode.SALVAGE, cut, null)) {
        Salvage.copy(from, database, to);
      } catch (RocksDBException e) {
        log.error("metadata cannot be read, all records are dropped file={}", database, e);
      }
    }
    sync();
    if (Files.exists(database)) {
      Linux.rename(next, database, Linux.RENAME_EXCHANGE);
      FileTree.delete(next);
    } else {
      Linux.rename(next, database, 0);
    }
  }

  /** After a power loss, leaves out what was not safe; else nothing. */
  private @Nullable WalCut vouchedOnly() throws IOException {
    Path mark = root.resolve("opened");
    if (!Files.exists(mark) || Files.readString(mark).equals(settings.boot())) {
      return null;
    }
    WalCut look = new WalCut(Long.MAX_VALUE, MetadataStore.marker());
    try {
      RecordFiles.open(database, RecordFiles.Mode.SALVAGE, look, null).close();
    } catch (RocksDBException e) {
      log.warn("no marker found", e);
    }
    return new WalCut(look.vouched(), MetadataStore.marker());
  }

  /** Reads a log of an earlier version into a new database, which then takes its place. */
  private void takeOver(Path oldLog) throws IOException, RocksDBException {
    Path next = root.resolve("db.new");
    long[] count = {0};
    try (RecordFiles to = RecordFiles.open(next, RecordFiles.Mode.WRITE, null, null)) {
      OldLog.read(
          oldLog,
          change -> {
            while (!to.write(List.of(change))) {
              Thread.onSpinWait();
            }
            count[0]++;
          });
      to.flush();
    }
    sync();
    Linux.rename(next, database, 0);
    syncRoot();
    Files.delete(oldLog);
    log.info("metadata log taken over file={} changes={}", oldLog, count[0]);
  }

  /** Reads all rows of a store as it stands. */
  static void readAll(Path path, Consumer<RecordFiles.Row> reader) throws IOException {
    try (RecordFiles files =
            RecordFiles.open(path.resolve("db"), RecordFiles.Mode.READ, null, null);
        RocksIterator rows = files.iterator()) {
      for (rows.seekToFirst(); rows.isValid(); rows.next()) {
        reader.accept(new RecordFiles.Row(rows.key(), rows.value()));
      }
      rows.status();
    } catch (RocksDBException e) {
      throw new IOException("read metadata store " + path + ": " + e.getMessage(), e);
    }
  }

  // --- what RocksDB cannot do without ---

  /** Keeps a copy of the files that say which tables there are, if they have changed. */
  private synchronized void keep() {
    try {
      Path current = database.resolve("CURRENT");
      Path manifest = database.resolve(Files.readString(current).strip());
      String now = manifest.getFileName() + " " + Files.size(manifest);
      if (now.equals(kept)) {
        return;
      }
      Path next = root.resolve("kept.new");
      FileTree.delete(next);
      Files.createDirectory(next);
      Files.copy(manifest, next.resolve(manifest.getFileName()));
      Files.copy(current, next.resolve("CURRENT"));
      FileTree.delete(root.resolve("kept"));
      Linux.rename(next, root.resolve("kept"), 0);
      kept = now;
    } catch (IOException e) {
      log.warn("no copy of the metadata's manifest", e);
    }
  }

  /**
   * Whether the manifest has lost its end, of which RocksDB thinks nothing: it would open what the
   * tables once were.
   */
  private boolean isCutShort() throws IOException {
    Path current = database.resolve("CURRENT");
    Path copies = root.resolve("kept");
    if (!Files.exists(current) || !Files.isDirectory(copies)) {
      return false;
    }
    String name = new String(Files.readAllBytes(current), StandardCharsets.ISO_8859_1).strip();
    for (Path copy : TreeFiles.list(copies)) {
      Path original = database.resolve(copy.getFileName());
      if (copy.getFileName().toString().equals(name)
          && Files.exists(original)
          && Files.size(original) < Files.size(copy)) {
        return true;
      }
    }
    return false;
  }

  /**
   * Puts the copies in their places.
   *
   * @return false if there are tables that they do not know: then they are too old to be trusted
   */
  private boolean restore() throws IOException {
    Path copies = root.resolve("kept");
    if (!Files.isDirectory(copies)) {
      return true;
    }
    for (Path copy : TreeFiles.list(copies)) {
      Files.copy(copy, database.resolve(copy.getFileName()), StandardCopyOption.REPLACE_EXISTING);
    }
    Set<String> known;
    try (RecordFiles found = RecordFiles.open(database, RecordFiles.Mode.SALVAGE, null, null)) {
      known = found.tableFiles();
    } catch (RocksDBException e) {
      return true; // for another reason
    }
    for (Path file : TreeFiles.list(database)) {
      String name = file.getFileName().toString();
      if (name.endsWith(".sst") && !known.contains(name)) {
        log.error("which tables there are is not known, all records are dropped file={}", file);
        FileTree.delete(database);
        return false;
      }
    }
    return true;
  }

  // --- use ---

  /** Reads something. */
  interface Reading<T> {
    T read(RecordFiles files) throws RocksDBException;
  }

  <T> T read(Reading<T> reading) {
    for (int mends = 0; ; mends++) {
      RocksDBException failure;
      RecordFiles used;
      long stamp = access.readLock();
      try {
        used = present();
        return reading.read(used);
      } catch (RocksDBException e) {
        failure = e;
        used = files;
      } finally {
        access.unlockRead(stamp);
      }
      if (!RecordFiles.isDamage(failure) || mends >= MENDS) {
        throw failure("read metadata", failure);
      }
      mend(used, failure);
    }
  }

  private RecordFiles present() {
    RecordFiles now = files;
    if (now == null && closed) {
      throw new BuildException(Category.FAILED_PRECONDITION, "metadata store is closed");
    }
    if (now == null) {
      throw new BuildException(Category.INTERNAL, "the metadata store cannot be opened");
    }
    return now;
  }

  /** Replaces what turned out to be damaged, once for all who found it. */
  private void mend(@Nullable RecordFiles damaged, RocksDBException failure) {
    try {
      Threads.nativeCalls()
          .callUninterruptibly(() -> {
            long stamp = access.writeLock();
            try {
              if (files == damaged) {
                log.error(
                    "metadata is damaged, mending it file={} cause=\"{}\"",
                    database,
                    failure.getMessage());
                closeFiles();
                replace();
                files = openAll();
                keep();
              }
              return true;
            } finally {
              access.unlockWrite(stamp);
            }
          });
    } catch (Exception e) {
      throw failure("mend metadata", e);
    }
  }

  /**
   * Writes all changes or none; one thread's.
   *
   * @param frees whether space will be free afterwards, so that what is kept back may be used
   */
  void write(List<Change> changes, boolean frees) throws Exception {
    try {
      writeOnce(changes);
    } catch (RocksDBException | IOException e) {
      if (!frees || !isNoSpace(e)) {
        throw e;
      }
      log.info("the disk is full, reserved space is used to free some");
      Files.deleteIfExists(root.resolve("reserve"));
      retryAt = System.nanoTime();
      writeOnce(changes);
    }
  }

  private void writeOnce(List<Change> changes) throws Exception {
    Exception before = refusal;
    if (before != null) {
      openAgain(before);
    }
    while (true) {
      long stamp = access.readLock();
      try {
        RecordFiles now = present();
        if (now.write(changes)) {
          return;
        }
        if (now.backgroundErrors() > 0) {
          throw new IOException("writing tables has failed");
        }
      } catch (RocksDBException | IOException e) {
        refusal = e; // RocksDB takes nothing more until it is opened anew
        throw e;
      } finally {
        access.unlockRead(stamp);
      }
      Thread.sleep(2); // tables cannot keep up
    }
  }

  private void openAgain(Exception cause) throws Exception {
    if (System.nanoTime() - retryAt < 0) {
      throw cause;
    }
    retryAt = System.nanoTime() + RETRY_NANOS;
    long wanted = ROOM;
    for (Path file : TreeFiles.list(database)) {
      if (file.toString().endsWith(".log")) {
        wanted += Files.size(file); // becomes a table at the opening
      }
    }
    if (usable() < wanted) {
      throw cause;
    }
    sync();
    long stamp = access.writeLock();
    try {
      closeFiles();
      files = mended(this::openAll);
      refusal = null;
      log.info("metadata can be written again");
    } catch (RocksDBException e) {
      refusal = e;
      files = RecordFiles.open(database, RecordFiles.Mode.READ, null, null);
      throw e;
    } finally {
      access.unlockWrite(stamp);
    }
  }

  private long usable() throws IOException {
    return Files.getFileStore(root).getUsableSpace();
  }

  /** Sees to what has to be done now and then. */
  void tend() {
    keep();
    reserve();
  }

  /** Keeps space back, if there is enough. */
  private void reserve() {
    Path file = root.resolve("reserve");
    try {
      if (!Files.exists(file) && usable() > 8 * RESERVE) {
        int space = Linux.open(file, Linux.O_WRONLY | Linux.O_CREAT, 0600);
        try {
          Linux.fallocate(space, RESERVE);
        } finally {
          Linux.close(space);
        }
      }
    } catch (IOException e) {
      log.warn("no space kept back for freeing some file={}", file, e);
    }
  }

  long lastSequence() {
    return Objects.requireNonNull(read(RecordFiles::lastSequence));
  }

  /** Brings all files of the filesystem to the disk. */
  void sync() throws IOException {
    settings.sync().sync(descriptor);
  }

  // --- failures ---

  static boolean isNoSpace(Throwable failure) {
    if (failure instanceof RocksDBException e) {
      Status status = e.getStatus();
      if (status != null && status.getSubCode() == Status.SubCode.NoSpace) {
        return true;
      }
    }
    String message = String.valueOf(failure.getMessage());
    return message.contains("No space left on device") || message.contains("Disk quota exceeded");
  }

  static BuildException failure(String what, Throwable cause) {
    if (cause instanceof BuildException known) {
      return known;
    }
    return new BuildException(
        isNoSpace(cause) ? Category.RESOURCE_EXHAUSTED : Category.INTERNAL,
        what + ": " + (cause instanceof Error ? cause.toString() : cause.getMessage()),
        cause);
  }

  private void closeFiles() {
    RecordFiles open = files;
    files = null;
    if (open != null) {
      open.close();
    }
  }

  @Override
  public void close() throws IOException, RocksDBException {
    long stamp = access.writeLock();
    try {
      closed = true;
      sync(); // a clean end vouches for the files too
      RecordFiles open = files;
      boolean clean = false;
      if (open != null && refusal == null) {
        try {
          open.flush();
          clean = true;
        } catch (RocksDBException e) {
          log.warn("metadata not closed in order", e);
        }
      }
      closeFiles();
      keep();
      if (clean) {
        if (checkWanted) {
          Files.write(root.resolve("check"), new byte[0]);
        }
        Files.deleteIfExists(root.resolve("opened"));
        syncRoot();
      }
    } finally {
      access.unlockWrite(stamp);
      Linux.close(descriptor);
    }
  }
}
