package dev.buildd.cache.key;

import dev.buildd.cache.key.KeyRows.Step;
import dev.buildd.snapshot.store.Decoder;
import dev.buildd.snapshot.store.MetadataStore;
import dev.buildd.snapshot.store.Table;
import java.time.Instant;
import java.util.Optional;

/**
 * Rewrites the rows of earlier versions, which named keys by numbers, in some batches. Whoever dies
 * at it goes on at the next start.
 */
final class EarlierKeys {
  private static final int AT_ONCE = 1_000;

  private final MetadataStore store;
  private MetadataStore.Batch batch;
  private int pending;

  private EarlierKeys(MetadataStore store) {
    this.store = store;
    this.batch = store.batch();
  }

  static void takeOver(MetadataStore store) {
    if (store.hasAny(Table.KEY, new byte[0])) {
      new EarlierKeys(store).run();
    }
  }

  private void run() {
    store.forEach(
        Table.KEY_LINK,
        (row, value) -> {
          Decoder in = new Decoder(value);
          Optional<CacheKeyId> from = key(in.number());
          Optional<CacheKeyId> to = key(in.number());
          CacheLink link = KeyRows.readLink(in);
          if (from.isPresent() && to.isPresent()) {
            DurableCacheStore.putLink(batch, new Step(from.get(), link, to.get()));
          }
          batch.delete(Table.KEY_LINK, row);
          next();
        });
    store.forEach(
        Table.KEY_RECORD,
        (row, value) -> {
          Decoder in = new Decoder(value);
          Optional<CacheKeyId> key = key(in.number());
          String resultId = in.text();
          Instant createdAt = Instant.ofEpochMilli(in.number());
          long order = Long.parseLong(row, 36);
          key.ifPresent(
              known -> DurableCacheStore.putRecord(batch, known, resultId, createdAt, order));
          batch.delete(Table.KEY_RECORD, row);
          next();
        });
    batch.commit(); // the names go last
    store.forEach(
        Table.KEY,
        (row, value) -> {
          batch.delete(Table.KEY, row);
          next();
        });
    batch.commit();
  }

  private Optional<CacheKeyId> key(long number) {
    String text = Long.toString(number, 36);
    return store
        .get(Table.KEY, "0".repeat(Math.max(0, 8 - text.length())) + text)
        .map(value -> KeyRows.key(new Decoder(value)));
  }

  private void next() {
    if (++pending >= AT_ONCE) {
      pending = 0;
      batch.commit();
      batch = store.batch();
    }
  }
}
