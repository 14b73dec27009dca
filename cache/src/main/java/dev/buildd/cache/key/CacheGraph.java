package dev.buildd.cache.key;

import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;

/** Keys, links and records in memory. Not safe for use by several threads. */
final class CacheGraph {
  static final class Named {
    final CacheKeyId id;
    final Map<CacheLink, Map<Named, Link>> out = new HashMap<>(2);
    final Set<Link> in = new LinkedHashSet<>(2);
    final Map<String, Saved> records = new LinkedHashMap<>(2);

    Named(CacheKeyId id) {
      this.id = id;
    }
  }

  static final class Link {
    final Named from;
    final CacheLink link;
    final Named to;

    Link(Named from, CacheLink link, Named to) {
      this.from = from;
      this.link = link;
      this.to = to;
    }
  }

  record Saved(Named key, String resultId, Instant createdAt) {}

  private final Map<CacheKeyId, Named> keys = new HashMap<>();
  private final Map<String, Map<Named, Saved>> results = new HashMap<>();
  private final String store;

  CacheGraph(String store) {
    this.store = store;
  }

  private void insert(Link link) {
    link.from.out.computeIfAbsent(link.link, l -> new LinkedHashMap<>(2)).put(link.to, link);
    link.to.in.add(link);
  }

  private void insert(Saved saved) {
    saved.key.records.put(saved.resultId, saved);
    results.computeIfAbsent(saved.resultId, r -> new LinkedHashMap<>(2)).put(saved.key, saved);
  }

  boolean exists(CacheKeyId id) {
    return keys.containsKey(id);
  }

  Set<CacheKeyId> follow(CacheKeyId from, CacheLink link) {
    Named key = keys.get(from);
    Map<Named, Link> targets = key == null ? null : key.out.get(link);
    if (targets == null) {
      return Set.of();
    }
    Set<CacheKeyId> out = new LinkedHashSet<>();
    targets.keySet().forEach(target -> out.add(target.id));
    return out;
  }

  void link(CacheKeyId from, CacheLink link, CacheKeyId to) {
    Named source = key(from);
    Named target = key(to);
    Map<Named, Link> targets = source.out.get(link);
    if (targets == null || !targets.containsKey(target)) {
      insert(new Link(source, link, target));
    }
  }

  private Named key(CacheKeyId id) {
    Named key = keys.get(id);
    if (key == null) {
      key = new Named(id);
      keys.put(id, key);
    }
    return key;
  }

  List<CacheRecord> records(CacheKeyId id) {
    Named key = keys.get(id);
    if (key == null) {
      return List.of();
    }
    List<CacheRecord> out = new ArrayList<>();
    key.records
        .values()
        .forEach(saved -> out.add(new CacheRecord(store, id, saved.resultId, saved.createdAt)));
    return out.reversed();
  }

  void save(CacheKeyId id, String resultId, Instant now) {
    Named key = key(id);
    if (!key.records.containsKey(resultId)) {
      insert(new Saved(key, resultId, now));
    }
  }

  void release(String resultId) {
    Map<Named, Saved> saved = results.remove(resultId);
    if (saved == null) {
      return;
    }
    for (Named key : saved.keySet()) {
      key.records.remove(resultId);
      prune(key);
    }
  }

  /** Removes a key that leads nowhere, then those that led to it alone. */
  private void prune(Named start) {
    Deque<Named> queue = new ArrayDeque<>();
    queue.add(start);
    for (Named key = queue.poll(); key != null; key = queue.poll()) {
      if (!key.records.isEmpty() || !key.out.isEmpty() || !keys.remove(key.id, key)) {
        continue;
      }
      for (Link link : key.in) {
        Map<Named, Link> siblings = link.from.out.get(link.link);
        if (siblings != null && siblings.remove(key) != null && siblings.isEmpty()) {
          link.from.out.remove(link.link);
        }
        queue.add(link.from);
      }
    }
  }

  Set<CacheKeyId> keysOf(String resultId) {
    Set<CacheKeyId> out = new LinkedHashSet<>();
    Map<Named, Saved> saved = results.get(resultId);
    if (saved != null) {
      saved.keySet().forEach(key -> out.add(key.id));
    }
    return out;
  }

  List<Link> linksTo(CacheKeyId id) {
    Named key = keys.get(id);
    return key == null ? List.of() : List.copyOf(key.in);
  }

  List<Link> links() {
    return keys.values().stream().flatMap(key -> key.in.stream()).toList();
  }

  Set<String> results() {
    return Set.copyOf(results.keySet());
  }

  static void visit(List<Link> links, BiConsumer<CacheKeyId, CacheLink> reader) {
    links.forEach(link -> reader.accept(link.from.id, link.link));
  }
}
