package dev.buildd.cache.key;

import dev.buildd.cache.key.KeyRows.Step;
import dev.buildd.snapshot.store.Decoder;
import dev.buildd.snapshot.store.Encoder;
import dev.buildd.snapshot.store.MetadataStore;
import dev.buildd.snapshot.store.Table;
import java.nio.ByteBuffer;
import java.time.Clock;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiConsumer;

/**
 * Cache keys on disk; nothing is held in memory. Each link is two rows, by where it begins and by
 * where it ends, and so is each record, by its key and by its result.
 */
public final class DurableCacheStore implements CacheStore {
  private static final byte[] NOTHING = new byte[0];

  private final String id;
  private final MetadataStore store;
  private final Clock clock;
  private long lastSave; // guarded by this

  public DurableCacheStore(String id, MetadataStore store, Clock clock) {
    this.id = id;
    this.store = store;
    this.clock = clock;
    EarlierKeys.takeOver(store);
  }

  /** What a row of a key's result says. */
  private record Saved(String resultId, Instant createdAt, long order) {
    static byte[] value(Instant createdAt, long order) {
      return new Encoder().number(createdAt.toEpochMilli()).number(order).toBytes();
    }

    static Saved of(byte[] row, byte[] value) {
      Decoder key = new Decoder(row);
      KeyRows.key(key);
      Decoder in = new Decoder(value);
      return new Saved(key.text(), Instant.ofEpochMilli(in.number()), in.number());
    }
  }

  static void putLink(MetadataStore.Batch batch, Step step) {
    batch.put(Table.KEY_OUT, step.out(), NOTHING).put(Table.KEY_IN, step.in(), NOTHING);
  }

  static void putRecord(
      MetadataStore.Batch batch, CacheKeyId key, String resultId, Instant createdAt, long order) {
    batch
        .put(Table.KEY_SAVED, saved(key, resultId), Saved.value(createdAt, order))
        .put(Table.KEY_RESULT, result(resultId, key), NOTHING);
  }

  private static byte[] saved(CacheKeyId key, String resultId) {
    return KeyRows.of(key).text(resultId).toBytes();
  }

  private static byte[] result(String resultId, CacheKeyId key) {
    return KeyRows.of(resultId).raw(KeyRows.of(key).toBytes()).toBytes();
  }

  @Override
  public String id() {
    return id;
  }

  @Override
  public boolean exists(CacheKeyId key) {
    byte[] prefix = KeyRows.of(key).toBytes();
    return store.hasAny(Table.KEY_SAVED, prefix)
        || store.hasAny(Table.KEY_OUT, prefix)
        || store.hasAny(Table.KEY_IN, prefix);
  }

  @Override
  public Set<CacheKeyId> follow(CacheKeyId from, CacheLink link) {
    Set<CacheKeyId> out = new LinkedHashSet<>();
    store.scan(
        Table.KEY_OUT,
        KeyRows.writeLink(KeyRows.of(from), link).toBytes(),
        (row, value) -> out.add(Step.ofOut(row).to()));
    return out;
  }

  @Override
  public synchronized void link(CacheKeyId from, CacheLink link, CacheKeyId to) {
    Step step = new Step(from, link, to);
    if (store.get(Table.KEY_OUT, step.out()).isEmpty()) {
      MetadataStore.Batch batch = store.batch();
      putLink(batch, step);
      batch.commitLater();
    }
  }

  @Override
  public List<CacheRecord> records(CacheKeyId key) {
    List<Saved> found = new ArrayList<>();
    store.scan(
        Table.KEY_SAVED,
        KeyRows.of(key).toBytes(),
        (row, value) -> found.add(Saved.of(row, value)));
    found.sort(Comparator.comparingLong(Saved::order).reversed());
    return found.stream()
        .map(saved -> new CacheRecord(id, key, saved.resultId, saved.createdAt))
        .toList();
  }

  @Override
  public void save(CacheKeyId key, String resultId) {
    save(key, resultId, clock.instant());
  }

  @Override
  public void save(CacheKeyId key, String resultId, Instant createdAt) {
    Optional<MetadataStore.Commit> commit;
    synchronized (this) {
      commit =
          store.get(Table.KEY_SAVED, saved(key, resultId)).isPresent()
              ? Optional.empty()
              : Optional.of(add(key, resultId, createdAt.truncatedTo(ChronoUnit.MILLIS)));
    }
    if (commit.isPresent()) {
      commit.get().await();
    } else {
      store.flush(); // new links may lead to it
    }
  }

  private MetadataStore.Commit add(CacheKeyId key, String resultId, Instant createdAt) {
    lastSave = Math.max(lastSave + 1, clock.millis() * 1_000);
    MetadataStore.Batch batch = store.batch();
    putRecord(batch, key, resultId, createdAt, lastSave);
    return batch.commitLater();
  }

  @Override
  public void release(String resultId) {
    release(List.of(resultId));
  }

  @Override
  public void release(Collection<String> resultIds) {
    MetadataStore.Commit commit;
    synchronized (this) {
      Removal removal = new Removal();
      resultIds.forEach(removal::add);
      commit = removal.batch.commitLater();
    }
    commit.await();
  }

  private record RowName(Table table, ByteBuffer row) {}

  /** One batch that removes rows, and what of them must not be taken into account any more. */
  private final class Removal {
    private final MetadataStore.Batch batch = store.batch();
    private final Set<RowName> removed = new HashSet<>();

    void add(String resultId) {
      Deque<CacheKeyId> lighter = new ArrayDeque<>();
      for (CacheKeyId key : keysOf(resultId)) {
        remove(Table.KEY_RESULT, result(resultId, key));
        remove(Table.KEY_SAVED, saved(key, resultId));
        lighter.add(key);
      }
      for (CacheKeyId key = lighter.poll(); key != null; key = lighter.poll()) {
        if (isUsed(Table.KEY_SAVED, key) || isUsed(Table.KEY_OUT, key)) {
          continue;
        }
        // it leads nowhere; then those that led to it alone do not either
        for (Step step : linksTo(key)) {
          if (remove(Table.KEY_IN, step.in())) {
            remove(Table.KEY_OUT, step.out());
            lighter.add(step.from());
          }
        }
      }
    }

    private boolean remove(Table table, byte[] row) {
      batch.delete(table, row);
      return removed.add(new RowName(table, ByteBuffer.wrap(row)));
    }

    private boolean isUsed(Table table, CacheKeyId key) {
      boolean[] used = {false};
      store.scan(
          table,
          KeyRows.of(key).toBytes(),
          (row, value) -> {
            used[0] = !removed.contains(new RowName(table, ByteBuffer.wrap(row)));
            return !used[0];
          });
      return used[0];
    }
  }

  private List<Step> linksTo(CacheKeyId key) {
    List<Step> out = new ArrayList<>();
    store.scan(Table.KEY_IN, KeyRows.of(key).toBytes(), (row, value) -> out.add(Step.ofIn(row)));
    return out;
  }

  @Override
  public Set<CacheKeyId> keysOf(String resultId) {
    Set<CacheKeyId> out = new LinkedHashSet<>();
    store.scan(
        Table.KEY_RESULT,
        KeyRows.of(resultId).toBytes(),
        (row, value) -> {
          Decoder in = new Decoder(row);
          in.text();
          return out.add(KeyRows.key(in));
        });
    return out;
  }

  @Override
  public void backlinks(CacheKeyId key, BiConsumer<CacheKeyId, CacheLink> reader) {
    linksTo(key).forEach(step -> reader.accept(step.from(), step.link()));
  }

  @Override
  public void links(LinkReader reader) {
    store.scan(
        Table.KEY_OUT,
        NOTHING,
        (row, value) -> {
          Step step = Step.ofOut(row);
          return reader.read(step.from(), step.link(), step.to());
        });
  }

  @Override
  public Set<String> results() {
    Set<String> out = new HashSet<>();
    store.scan(
        Table.KEY_RESULT,
        NOTHING,
        (row, value) -> {
          out.add(new Decoder(row).text());
          return true;
        });
    return out;
  }
}
