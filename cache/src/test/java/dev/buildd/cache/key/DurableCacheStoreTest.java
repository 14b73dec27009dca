package dev.buildd.cache.key;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.content.Digest;
import dev.buildd.snapshot.store.Encoder;
import dev.buildd.snapshot.store.MetadataStore;
import dev.buildd.snapshot.store.Table;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DurableCacheStoreTest extends CacheStoreContract {
  @TempDir Path temp;
  private MetadataStore metadata;

  @BeforeEach
  void start() {
    metadata = MetadataStore.open(temp.resolve("metadata"));
  }

  @AfterEach
  void stop() {
    metadata.close();
  }

  @Override
  CacheStore open(String id, Clock clock) {
    return new DurableCacheStore(id, metadata, clock);
  }

  @Override
  CacheStore again(CacheStore store) {
    stop();
    start();
    return open(store.id(), Clock.systemUTC());
  }

  @Test
  void stepCostsFewBytes() {
    CacheStore store = open("s", Clock.systemUTC());
    long before = metadata.bytesWritten();
    CacheKeyId last = CacheKeyId.of(Digest.of("root"));
    for (int i = 0; i < 100; i++) {
      CacheKeyId key = CacheKeyId.of(Digest.of("step " + i));
      store.link(last, link(0, "op " + i), key);
      store.save(key, "worker::abcdefghijklmnopqrstuvwxy");
      last = key;
    }
    metadata.flush();
    assertThat((metadata.bytesWritten() - before) / 100).isLessThan(500);
  }

  /** The rows of earlier versions name keys by numbers. */
  @Test
  void rowsOfEarlierVersionsAreTakenOver() {
    byte[] a = new Encoder().oneByte(0).text("a").toBytes();
    byte[] digest = new Encoder().oneByte(1).raw(new byte[32]).toBytes();
    CacheKeyId zeros = new CacheKeyId("sha256:" + "0".repeat(64));
    metadata
        .batch()
        .put(Table.KEY, "00000001", a)
        .put(Table.KEY, "0000000z", digest)
        .put(
            Table.KEY_LINK,
            "00000002",
            new Encoder().number(1).number(35).number(7).raw(a).flag(false).toBytes())
        .put(Table.KEY_RECORD, "00000003", new Encoder().number(35).text("r").number(5).toBytes())
        .put(Table.KEY_RECORD, "00000004", new Encoder().number(99).text("x").number(5).toBytes())
        .commit();
    for (int i = 0; i < 2; i++) {
      CacheStore store = open("s", Clock.systemUTC());
      CacheLink link = new CacheLink(7, key("a"), Optional.empty());
      assertThat(store.follow(key("a"), link)).containsExactly(zeros);
      assertThat(store.records(zeros))
          .containsExactly(new CacheRecord("s", zeros, "r", Instant.ofEpochMilli(5)));
      assertThat(store.results()).containsExactly("r");
      assertThat(metadata.hasAny(Table.KEY, new byte[0])).isFalse();
    }
  }
}
