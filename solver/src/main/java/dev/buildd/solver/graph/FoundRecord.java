package dev.buildd.solver.graph;

import dev.buildd.cache.key.CacheRecord;

/** A record together with the cache that has it. */
record FoundRecord(CacheSource source, CacheRecord record) {
  String resultId() {
    return record.resultId();
  }
}
