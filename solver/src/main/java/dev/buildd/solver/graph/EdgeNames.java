package dev.buildd.solver.graph;

import dev.buildd.base.concurrent.Scope;
import dev.buildd.cache.key.CacheKeyId;
import dev.buildd.cache.key.CacheLink;
import dev.buildd.cache.key.CacheRecord;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;

/** The names under which caches know an output of a vertex, and the records that they lead to. */
final class EdgeNames {
  private final ActiveVertex vertex;
  private final int output;

  EdgeNames(ActiveVertex vertex, int output) {
    this.vertex = vertex;
    this.output = output;
  }

  /** What can be known without running or loading anything. */
  KeySet byDefinition() throws Exception {
    if (vertex.key().ignoreCache()) {
      return KeySet.EMPTY;
    }
    if (vertex.inputs().isEmpty()) {
      return ofRoot();
    }
    List<Callable<Object>> questions = new ArrayList<>();
    questions.add(() -> vertex.cacheMap(0));
    for (ActiveEdge input : vertex.inputs()) {
      questions.add(input::fastNames);
    }
    List<Object> answers = Scope.all("fast " + vertex, questions);
    CacheMap map = (CacheMap) answers.getFirst();
    List<KeySet> matches = new ArrayList<>();
    for (int i = 0; i < vertex.inputs().size(); i++) {
      matches.add(follow(map, i, (KeySet) answers.get(i + 1)));
    }
    return KeySet.intersection(matches);
  }

  private KeySet ofRoot() throws Exception {
    KeySet names = KeySet.EMPTY;
    for (int i = 0; ; i++) {
      CacheMap map = vertex.cacheMap(i);
      CacheKeyId id = rootKey(map);
      names =
          names.plus(
              KeySet.by(
                  vertex.sources(), s -> s.keys().exists(id) ? Set.of(id) : Set.<CacheKeyId>of()));
      if (map.last() || !records(names, Set.of()).isEmpty()) {
        return names;
      }
    }
  }

  CacheKeyId rootKey(CacheMap map) {
    return map.random()
        ? CacheKeyId.random(map.digest(), output)
        : CacheKeyId.root(map.digest(), output);
  }

  /** Where an input's names lead. */
  KeySet follow(CacheMap map, int input, KeySet from) {
    CacheLink link = link(map, input);
    return KeySet.by(
        vertex.sources(),
        source -> {
          Set<CacheKeyId> reached = new LinkedHashSet<>();
          for (CacheKeyId id : from.in(source)) {
            reached.addAll(source.keys().follow(id, link));
          }
          return reached;
        });
  }

  /**
   * Where the content of an input leads. The input's own names lead there from now on, so that next
   * time the content need not be there.
   */
  KeySet followContent(CacheMap map, int input, Solved solved) throws Exception {
    CacheKeyId content = CacheKeyId.content(vertex.content(input));
    CacheLink link = contentLink(map, input);
    KeySet found = KeySet.by(vertex.sources(), s -> s.keys().follow(content, link));
    if (solved.probeable()) {
      found
          .ids()
          .forEach((source, ids) -> {
            for (CacheKeyId from : solved.names().in(source)) {
              ids.forEach(id -> source.keys().link(from, link(map, input), id));
            }
          });
    }
    return found;
  }

  CacheLink link(CacheMap map, int input) {
    return CacheLink.of(input, output, map.digest(), map.dependencies().get(input).selector());
  }

  CacheLink contentLink(CacheMap map, int input) {
    return CacheLink.of(input, output, map.digest(), Optional.empty());
  }

  /** The records that the names lead to, latest first, in the caches of builds that still go on. */
  List<FoundRecord> records(KeySet names, Set<String> excluded) {
    List<FoundRecord> out = new ArrayList<>();
    for (CacheSource source : vertex.sources()) {
      for (CacheKeyId id : names.in(source)) {
        for (CacheRecord found : source.keys().records(id)) {
          if (!excluded.contains(found.resultId())) {
            out.add(new FoundRecord(source, found));
          }
        }
      }
    }
    out.sort(Comparator.comparing((FoundRecord f) -> f.record().createdAt()).reversed());
    return out;
  }
}
