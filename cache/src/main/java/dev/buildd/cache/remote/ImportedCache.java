package dev.buildd.cache.remote;

import dev.buildd.base.content.Digest;
import dev.buildd.cache.key.CacheKeyId;
import dev.buildd.cache.key.CacheLink;
import dev.buildd.cache.key.CacheStore;
import dev.buildd.cache.key.MemoryCacheStore;
import java.time.Clock;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * A cache that came from elsewhere: its records under keys that are the same whenever and wherever
 * the same cache is read. Safe for use by many threads.
 */
public final class ImportedCache {
  private final MemoryCacheStore keys;
  private final Map<String, List<Digest>> results = new HashMap<>(); // written by the constructor

  /**
   * @param id tells it apart from other caches
   */
  public ImportedCache(String id, CacheConfig config) {
    keys = new MemoryCacheStore(id, Clock.systemUTC());
    CacheKeyId[] ids = new CacheKeyId[config.records().size()];
    for (int i = 0; i < ids.length; i++) {
      add(config, i, ids);
    }
  }

  private void add(CacheConfig config, int start, CacheKeyId[] ids) {
    List<Integer> pending = new ArrayList<>(List.of(start)); // chains may be long: no recursion
    while (!pending.isEmpty()) {
      int index = pending.getLast();
      CacheConfig.Step record = config.records().get(index);
      boolean ready = true;
      for (List<CacheConfig.Input> inputs : record.inputs()) {
        for (CacheConfig.Input input : inputs) {
          if (ids[input.link()] == null) {
            pending.add(input.link());
            ready = false;
          }
        }
      }
      if (!ready) {
        continue;
      }
      pending.removeLast();
      if (ids[index] == null) {
        ids[index] = id(record, ids);
        link(record, ids[index], ids);
        save(config, record, ids[index]);
      }
    }
  }

  private static CacheKeyId id(CacheConfig.Step record, CacheKeyId[] ids) {
    if (record.inputs().isEmpty()) {
      return CacheKeyId.of(record.digest());
    }
    StringBuilder text = new StringBuilder("imported:").append(record.digest());
    for (List<CacheConfig.Input> inputs : record.inputs()) {
      text.append('|');
      Set<String> some = new TreeSet<>();
      inputs.forEach(input -> some.add(ids[input.link()].value() + "+" + input.selector()));
      some.forEach(one -> text.append(one).append(','));
    }
    return CacheKeyId.of(Digest.of(text.toString()));
  }

  private void link(CacheConfig.Step record, CacheKeyId to, CacheKeyId[] ids) {
    for (int i = 0; i < record.inputs().size(); i++) {
      for (CacheConfig.Input input : record.inputs().get(i)) {
        keys.link(
            ids[input.link()],
            new CacheLink(
                i,
                CacheKeyId.of(record.digest()),
                input.selector().isEmpty()
                    ? Optional.empty()
                    : Optional.of(Digest.parse(input.selector()))),
            to);
      }
    }
  }

  private void save(CacheConfig config, CacheConfig.Step record, CacheKeyId key) {
    for (CacheConfig.Result result : record.results()) {
      List<Digest> blobs =
          result.layers().stream().map(layer -> config.layers().get(layer).blob()).toList();
      String id = Digest.of(blobs.toString()).toString();
      results.put(id, blobs);
      keys.save(key, id, result.createdAt());
    }
  }

  public CacheStore keys() {
    return keys;
  }

  /** The blobs of a result's layers, lowest first; empty for an unknown one. */
  public List<Digest> layers(String resultId) {
    return results.getOrDefault(resultId, List.of());
  }

  /**
   * Copies what leads to a key into another store, so that the key is found there without this
   * cache.
   *
   * @return the key and all that lead to it
   */
  public Set<CacheKeyId> copyTo(CacheStore other, CacheKeyId key) {
    Set<CacheKeyId> seen = new HashSet<>(Set.of(key));
    List<CacheKeyId> pending = new ArrayList<>(seen);
    while (!pending.isEmpty()) {
      CacheKeyId at = pending.removeLast();
      keys.backlinks(
          at,
          (from, link) -> {
            other.link(from, link, at);
            if (seen.add(from)) {
              pending.add(from);
            }
          });
    }
    return seen;
  }
}
