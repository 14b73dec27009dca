package dev.buildd.solver.worker;

import dev.buildd.cache.CacheManager;
import dev.buildd.cache.key.CacheRecord;
import dev.buildd.cache.key.CacheStore;
import dev.buildd.solver.graph.CacheSource;
import dev.buildd.solver.graph.OpContext;
import dev.buildd.solver.graph.Result;
import dev.buildd.solver.ops.RefResult;

/** The daemon's own cache: keys that lead to refs. */
public final class ResultCache implements CacheSource {
  private final CacheStore keys;
  private final CacheManager refs;

  public ResultCache(CacheStore keys, CacheManager refs) {
    this.keys = keys;
    this.refs = refs;
    refs.onRemoval(keys::release);
  }

  @Override
  public String id() {
    return keys.id();
  }

  @Override
  public CacheStore keys() {
    return keys;
  }

  @Override
  public Result load(CacheRecord record, OpContext context) {
    return record.resultId().equals(RefResult.SCRATCH)
        ? RefResult.scratch()
        : RefResult.of(refs.get(record.resultId()));
  }
}
