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

/**
 * Keys, links and records in memory. Rows bear sequential numbers, so that a journal can name them
 * in a few bytes. Not safe for use by several threads.
 */
final class CacheGraph {
  /** Hears of each row as it comes and goes. */
  interface Journal {
    void keyAdded(Named key);

    void keyRemoved(Named key);

    void linkAdded(Link link);

    void linkRemoved(Link link);

    void recordAdded(Saved saved);

    void recordRemoved(Saved saved);

    /** Nothing is written down. */
    Journal NONE =
        new Journal() {
          @Override
          public void keyAdded(Named key) {}

          @Override
          public void keyRemoved(Named key) {}

          @Override
          public void linkAdded(Link link) {}

          @Override
          public void linkRemoved(Link link) {}

          @Override
          public void recordAdded(Saved saved) {}

          @Override
          public void recordRemoved(Saved saved) {}
        };
  }

  static final class Named {
    final long number;
    final CacheKeyId id;
    final Map<CacheLink, Map<Named, Link>> out = new HashMap<>(2);
    final Set<Link> in = new LinkedHashSet<>(2);
    final Map<String, Saved> records = new LinkedHashMap<>(2);

    Named(long number, CacheKeyId id) {
      this.number = number;
      this.id = id;
    }
  }

  static final class Link {
    final long number;
    final Named from;
    final CacheLink link;
    final Named to;

    Link(long number, Named from, CacheLink link, Named to) {
      this.number = number;
      this.from = from;
      this.link = link;
      this.to = to;
    }
  }

  record Saved(long number, Named key, String resultId, Instant createdAt) {}

  private final Map<CacheKeyId, Named> keys = new HashMap<>();
  private final Map<String, Map<Named, Saved>> results = new HashMap<>();
  private final String store;
  private long last;

  CacheGraph(String store) {
    this.store = store;
  }

  // --- loading: rows that have their numbers already ---

  Named restoreKey(long number, CacheKeyId id) {
    last = Math.max(last, number);
    Named key = new Named(number, id);
    keys.put(id, key);
    return key;
  }

  void restoreLink(long number, Named from, CacheLink link, Named to) {
    last = Math.max(last, number);
    insert(new Link(number, from, link, to));
  }

  void restoreRecord(long number, Named key, String resultId, Instant createdAt) {
    last = Math.max(last, number);
    insert(new Saved(number, key, resultId, createdAt));
  }

  private void insert(Link link) {
    link.from.out.computeIfAbsent(link.link, l -> new LinkedHashMap<>(2)).put(link.to, link);
    link.to.in.add(link);
  }

  private void insert(Saved saved) {
    saved.key.records.put(saved.resultId, saved);
    results.computeIfAbsent(saved.resultId, r -> new LinkedHashMap<>(2)).put(saved.key, saved);
  }

  // --- use ---

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

  void link(CacheKeyId from, CacheLink link, CacheKeyId to, Journal journal) {
    Named source = key(from, journal);
    Named target = key(to, journal);
    Map<Named, Link> targets = source.out.get(link);
    if (targets == null || !targets.containsKey(target)) {
      Link added = new Link(++last, source, link, target);
      insert(added);
      journal.linkAdded(added);
    }
  }

  private Named key(CacheKeyId id, Journal journal) {
    Named key = keys.get(id);
    if (key == null) {
      key = new Named(++last, id);
      keys.put(id, key);
      journal.keyAdded(key);
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

  void save(CacheKeyId id, String resultId, Instant now, Journal journal) {
    Named key = key(id, journal);
    if (!key.records.containsKey(resultId)) {
      Saved saved = new Saved(++last, key, resultId, now);
      insert(saved);
      journal.recordAdded(saved);
    }
  }

  void release(String resultId, Journal journal) {
    Map<Named, Saved> saved = results.remove(resultId);
    if (saved == null) {
      return;
    }
    saved.forEach((key, record) -> {
      key.records.remove(resultId);
      journal.recordRemoved(record);
      prune(key, journal);
    });
  }

  /** Removes a key that leads nowhere, then those that led to it alone. */
  private void prune(Named start, Journal journal) {
    Deque<Named> queue = new ArrayDeque<>();
    queue.add(start);
    for (Named key = queue.poll(); key != null; key = queue.poll()) {
      if (!key.records.isEmpty() || !key.out.isEmpty() || !keys.remove(key.id, key)) {
        continue;
      }
      for (Link link : key.in) {
        journal.linkRemoved(link);
        Map<Named, Link> siblings = link.from.out.get(link.link);
        if (siblings != null && siblings.remove(key) != null && siblings.isEmpty()) {
          link.from.out.remove(link.link);
        }
        queue.add(link.from);
      }
      journal.keyRemoved(key);
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

  Set<String> results() {
    return Set.copyOf(results.keySet());
  }

  static void visit(List<Link> links, BiConsumer<CacheKeyId, CacheLink> reader) {
    links.forEach(link -> reader.accept(link.from.id, link.link));
  }
}
