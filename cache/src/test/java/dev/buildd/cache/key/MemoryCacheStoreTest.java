package dev.buildd.cache.key;

import java.time.Clock;

class MemoryCacheStoreTest extends CacheStoreContract {
  @Override
  CacheStore open(String id, Clock clock) {
    return new MemoryCacheStore(id, clock);
  }
}
