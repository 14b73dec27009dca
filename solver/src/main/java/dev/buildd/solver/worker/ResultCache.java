package dev.buildd.solver.worker;

import dev.buildd.cache.CacheManager;
import dev.buildd.cache.LayerProvider;
import dev.buildd.cache.key.CacheRecord;
import dev.buildd.cache.key.CacheStore;
import dev.buildd.session.SessionGroup;
import dev.buildd.session.SessionManager;
import dev.buildd.solver.graph.CacheSource;
import dev.buildd.solver.graph.OpContext;
import dev.buildd.solver.graph.SharedResult;
import dev.buildd.solver.ops.RefResult;
import dev.buildd.solver.source.image.LayerPuller;

/** The daemon's own cache: keys that lead to refs. */
public final class ResultCache implements CacheSource {
  private final CacheStore keys;
  private final CacheManager refs;
  private final LayerPuller layers;
  private final SessionManager sessions;

  public ResultCache(
      CacheStore keys, CacheManager refs, LayerPuller layers, SessionManager sessions) {
    this.keys = keys;
    this.refs = refs;
    this.layers = layers;
    this.sessions = sessions;
    refs.onRemoval((ids, by) -> keys.release(ids));
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
  public SharedResult load(CacheRecord record, OpContext context, boolean used) throws Exception {
    if (record.resultId().equals(RefResult.SCRATCH)) {
      return RefResult.scratch();
    }
    LayerProvider provider =
        layers.provider(new SessionGroup(sessions, context::sessions), context.progress());
    return RefResult.of(refs.get(record.resultId(), provider), used);
  }
}
