package dev.buildd.cache.key;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.content.Digest;
import dev.buildd.snapshot.store.MetadataStore;
import java.nio.file.Path;
import java.time.Clock;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DurableCacheStoreTest extends CacheStoreContract {
  @TempDir Path temp;
  private MetadataStore metadata;

  @BeforeEach
  void start() {
    metadata = MetadataStore.open(temp.resolve("metadata.log"));
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
    assertThat((metadata.bytesWritten() - before) / 100).isLessThan(300);
  }
}
