package dev.buildd.solver.graph;

import dev.buildd.cache.key.CacheKeyId;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;

/** The names under which each cache knows a value. */
public record KeySet(Map<CacheSource, Set<CacheKeyId>> ids) {
  static final KeySet EMPTY = new KeySet(Map.of());

  Set<CacheKeyId> in(CacheSource source) {
    return ids.getOrDefault(source, Set.of());
  }

  /** What these caches have of it. */
  KeySet in(Collection<CacheSource> sources) {
    return by(sources, this::in);
  }

  boolean isEmpty() {
    return ids.isEmpty();
  }

  static KeySet by(
      Collection<CacheSource> sources, Function<CacheSource, Set<CacheKeyId>> namesIn) {
    Map<CacheSource, Set<CacheKeyId>> ids = new LinkedHashMap<>();
    for (CacheSource source : sources) {
      Set<CacheKeyId> found = namesIn.apply(source);
      if (!found.isEmpty()) {
        ids.put(source, found);
      }
    }
    return new KeySet(ids);
  }

  KeySet plus(KeySet other) {
    if (other.isEmpty()) {
      return this;
    }
    if (isEmpty()) {
      return other;
    }
    Set<CacheSource> all = new LinkedHashSet<>(ids.keySet());
    all.addAll(other.ids.keySet());
    return by(
        all,
        source -> {
          Set<CacheKeyId> union = new LinkedHashSet<>(in(source));
          union.addAll(other.in(source));
          return union;
        });
  }

  /** The names that lie in every one of the sets. */
  static KeySet intersection(List<KeySet> sets) {
    KeySet first = sets.getFirst();
    return by(
        first.ids.keySet(),
        source -> {
          Set<CacheKeyId> common = new LinkedHashSet<>(first.in(source));
          sets.forEach(s -> common.retainAll(s.in(source)));
          return common;
        });
  }
}
