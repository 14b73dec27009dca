package dev.buildd.cache.key;

import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.function.BiConsumer;

/** A store that lasts as long as the process. */
public final class MemoryCacheStore implements CacheStore {
  private final String id;
  private final Clock clock;
  private final CacheGraph graph; // guarded by this

  public MemoryCacheStore(String id, Clock clock) {
    this.id = id;
    this.clock = clock;
    this.graph = new CacheGraph(id);
  }

  @Override
  public String id() {
    return id;
  }

  @Override
  public synchronized boolean exists(CacheKeyId key) {
    return graph.exists(key);
  }

  @Override
  public synchronized Set<CacheKeyId> follow(CacheKeyId from, CacheLink link) {
    return graph.follow(from, link);
  }

  @Override
  public synchronized void link(CacheKeyId from, CacheLink link, CacheKeyId to) {
    graph.link(from, link, to);
  }

  @Override
  public synchronized List<CacheRecord> records(CacheKeyId key) {
    return graph.records(key);
  }

  @Override
  public void save(CacheKeyId key, String resultId) {
    save(key, resultId, clock.instant());
  }

  @Override
  public synchronized void save(CacheKeyId key, String resultId, Instant createdAt) {
    graph.save(key, resultId, createdAt);
  }

  @Override
  public synchronized void release(String resultId) {
    graph.release(resultId);
  }

  @Override
  public synchronized Set<CacheKeyId> keysOf(String resultId) {
    return graph.keysOf(resultId);
  }

  @Override
  public void backlinks(CacheKeyId key, BiConsumer<CacheKeyId, CacheLink> reader) {
    List<CacheGraph.Link> links;
    synchronized (this) {
      links = graph.linksTo(key);
    }
    CacheGraph.visit(links, reader);
  }

  @Override
  public void links(LinkReader reader) {
    List<CacheGraph.Link> links;
    synchronized (this) {
      links = graph.links();
    }
    for (CacheGraph.Link link : links) {
      if (!reader.read(link.from.id, link.link, link.to.id)) {
        return;
      }
    }
  }

  @Override
  public synchronized Set<String> results() {
    return graph.results();
  }
}
