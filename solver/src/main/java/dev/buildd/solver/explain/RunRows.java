package dev.buildd.solver.explain;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Digest;
import dev.buildd.snapshot.store.Decoder;
import dev.buildd.snapshot.store.Encoder;
import dev.buildd.snapshot.store.MetadataStore;
import dev.buildd.snapshot.store.Table;
import dev.buildd.solver.ops.RefResult;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The runs that are kept: the last so many, and of their inputs' files what fits into a limit.
 *
 * <p>Safe for use by many threads. What is noted may become durable a moment later: a run that a
 * kill forgets explains less, and breaks nothing.
 */
final class RunRows {
  private static final Logger log = LoggerFactory.getLogger(RunRows.class);
  private static final byte[] NOTHING = {};

  /**
   * How much is kept.
   *
   * @param runs how many
   * @param fileBytes of lists of files
   * @param tidyEvery after so many more runs
   */
  record Limits(int runs, long fileBytes, int tidyEvery) {
    static final Limits DEFAULT = new Limits(50_000, 256L << 20, 4_096);
  }

  /** When and why the result of a run was removed. */
  record Removal(Instant at, String why) {}

  private record Numbered(long number, RunRow row) {}

  private final MetadataStore store;
  private final Limits limits;
  private final AtomicLong last;

  RunRows(MetadataStore store, Limits limits) {
    this.store = store;
    this.limits = limits;
    this.last =
        new AtomicLong(store.lastKey(Table.RUN).map(key -> new Decoder(key).fixed()).orElse(0L));
  }

  private static byte[] key(long number) {
    return new Encoder().fixed(number).toBytes();
  }

  /** The last run that is known by the key. */
  Optional<RunRow> find(byte[] key) {
    return store
        .get(Table.RUN_INDEX, key)
        .flatMap(value -> row(new Decoder(value).fixed()))
        .map(Numbered::row);
  }

  private Optional<Numbered> row(long number) {
    return store.get(Table.RUN, key(number)).flatMap(bytes -> read(number, bytes));
  }

  private static Optional<Numbered> read(long number, byte[] bytes) {
    try {
      return Optional.of(new Numbered(number, RunRow.of(bytes)));
    } catch (InvalidProtocolBufferException e) {
      log.warn("the record of a run is damaged number={}", number, e);
      return Optional.empty();
    }
  }

  void save(RunRow row) {
    long number = last.incrementAndGet();
    MetadataStore.Batch batch = store.batch().put(Table.RUN, key(number), row.toBytes());
    byte[] value = new Encoder().fixed(number).toBytes();
    for (byte[] key : keysOf(row)) {
      batch.put(Table.RUN_INDEX, key, value);
    }
    batch.commitLater();
    if (number % limits.tidyEvery == 0) {
      Threads.start("tidy runs", () -> Cleanup.run("tidy runs", this::tidy));
    }
  }

  private static List<byte[]> keysOf(RunRow row) {
    List<byte[]> keys = new ArrayList<>(row.keys());
    if (!row.result().equals(RefResult.SCRATCH)) {
      keys.add(RunRow.resultKey(row.result()));
    }
    return keys;
  }

  // --- files

  void saveFiles(Digest content, FileList files) {
    store.batch().put(Table.RUN_FILES, content.toString(), files.toBytes()).commitLater();
  }

  Optional<FileList> files(Digest content) {
    return store.get(Table.RUN_FILES, content.toString()).map(FileList::of);
  }

  // --- removals

  /** Notes that results, those among them that are a run's, are no more. */
  void removed(Collection<String> results, Removal removal) {
    byte[] told = new Encoder().number(removal.at.getEpochSecond()).text(removal.why).toBytes();
    MetadataStore.Batch batch = store.batch();
    for (String result : results) {
      store
          .get(Table.RUN_INDEX, RunRow.resultKey(result))
          .ifPresent(number -> batch.put(Table.RUN_REMOVED, number, told));
    }
    batch.commitLater();
  }

  /** When and why the run's result was removed, if that is known. */
  Optional<Removal> removal(RunRow row) {
    return store
        .get(Table.RUN_INDEX, RunRow.resultKey(row.result()))
        .flatMap(number -> store.get(Table.RUN_REMOVED, number))
        .map(bytes -> {
          Decoder in = new Decoder(bytes);
          return new Removal(Instant.ofEpochSecond(in.number()), in.text());
        });
  }

  // --- what is too much

  /** Forgets runs beyond the limit, the oldest first, and lists of files that no run has. */
  synchronized void tidy() {
    long oldest = last.get() - limits.runs;
    List<Numbered> gone = new ArrayList<>();
    List<Set<String>> wanted = new ArrayList<>(); // by run, the oldest first
    store.scan(
        Table.RUN,
        NOTHING,
        (key, bytes) -> {
          read(new Decoder(key).fixed(), bytes)
              .ifPresent(run -> {
                if (run.number <= oldest) {
                  gone.add(run);
                } else {
                  Set<String> contents = new HashSet<>();
                  run.row
                      .inputs()
                      .forEach(input ->
                          input.content().ifPresent(digest -> contents.add(digest.toString())));
                  wanted.add(contents);
                }
              });
          return true;
        });
    gone.forEach(this::forget);
    keepFiles(wanted);
  }

  private void forget(Numbered run) {
    byte[] number = key(run.number);
    MetadataStore.Batch batch =
        store.batch().delete(Table.RUN, number).delete(Table.RUN_REMOVED, number);
    for (byte[] key : keysOf(run.row)) {
      if (store
          .get(Table.RUN_INDEX, key)
          .filter(value -> new Decoder(value).fixed() == run.number)
          .isPresent()) {
        batch.delete(Table.RUN_INDEX, key);
      }
    }
    batch.commitLater();
  }

  /** Keeps the lists of the latest runs, as far as they fit. */
  private void keepFiles(List<Set<String>> wanted) {
    Set<String> kept = new HashSet<>();
    long bytes = 0;
    for (Set<String> contents : wanted.reversed()) {
      for (String content : contents) {
        if (bytes <= limits.fileBytes && !kept.contains(content)) {
          bytes += store.get(Table.RUN_FILES, content).map(list -> list.length).orElse(0);
          if (bytes <= limits.fileBytes) {
            kept.add(content);
          }
        }
      }
    }
    store.forEach(
        Table.RUN_FILES,
        (content, list) -> {
          if (!kept.contains(content)) {
            store.batch().delete(Table.RUN_FILES, content).commitLater();
          }
        });
  }
}
