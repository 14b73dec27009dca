package dev.buildd.solver.ops;

import dev.buildd.base.content.Digest;
import dev.buildd.session.SessionGroup;
import dev.buildd.session.SessionManager;
import dev.buildd.solver.graph.CacheMap;
import dev.buildd.solver.graph.Op;
import dev.buildd.solver.graph.OpContext;
import dev.buildd.solver.graph.Result;
import dev.buildd.solver.source.Source;
import dev.buildd.solver.source.SourceContext;
import dev.buildd.solver.source.SourceKey;
import java.util.List;

/** Brings what a build begins with. */
public final class SourceOperation implements Op {
  private final Source.Instance source;
  private final SessionManager sessions;

  public SourceOperation(Source.Instance source, SessionManager sessions) {
    this.source = source;
    this.sessions = sessions;
  }

  private SourceContext context(OpContext context) {
    return new SourceContext(
        new SessionGroup(sessions, context::sessions), context.progress(), context::memos);
  }

  @Override
  public CacheMap cacheMap(OpContext context, int index) throws Exception {
    SourceKey key = source.key(context(context), index);
    boolean random = key.value().startsWith("session:");
    return new CacheMap(
        Digest.of("buildkit.source.v0:" + key.value()), random, List.of(), key.last());
  }

  @Override
  public List<Result> exec(OpContext context, List<Result> inputs) throws Exception {
    return List.of(source.fetch(context(context)).map(RefResult::of).orElseGet(RefResult::scratch));
  }
}
