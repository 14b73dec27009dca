package dev.buildd.solver.ops;

import dev.buildd.cache.key.CacheDigest;
import dev.buildd.session.SessionGroup;
import dev.buildd.session.SessionManager;
import dev.buildd.solver.graph.CacheMap;
import dev.buildd.solver.graph.Op;
import dev.buildd.solver.graph.OpContext;
import dev.buildd.solver.graph.SharedResult;
import dev.buildd.solver.source.Source;
import dev.buildd.solver.source.SourceContext;
import dev.buildd.solver.source.SourceKey;
import java.util.List;
import java.util.Map;

/** Brings what a build begins with. */
public final class SourceOperation implements Op {
  private final String identifier;
  private final Map<String, String> attributes;
  private final Source.Instance source;
  private final SessionManager sessions;

  /**
   * @param identifier with its scheme, as the build names the source
   * @param attributes as in the source op
   */
  public SourceOperation(
      String identifier,
      Map<String, String> attributes,
      Source.Instance source,
      SessionManager sessions) {
    this.identifier = identifier;
    this.attributes = Map.copyOf(attributes);
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
    if (index == 0) {
      context.progress().resolved(identifier, attributes, key.pin());
    }
    boolean random = key.value().startsWith("session:");
    return new CacheMap(
        CacheDigest.of(CacheDigest.Kind.STRING, "buildkit.source.v0:" + key.value()),
        random,
        List.of(),
        key.last());
  }

  @Override
  public boolean isSource() {
    return true;
  }

  @Override
  public List<SharedResult> exec(OpContext context, List<SharedResult> inputs) throws Exception {
    return List.of(source.fetch(context(context)).map(RefResult::of).orElseGet(RefResult::scratch));
  }
}
