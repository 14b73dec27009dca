package dev.buildd.solver.graph;

import dev.buildd.base.concurrent.Flight;
import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.cache.key.CacheKeyId;
import dev.buildd.cache.key.CacheLink;
import dev.buildd.cache.key.CacheRecord;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.Semaphore;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One output of an active vertex, and the three questions that can be asked of it. */
final class ActiveEdge {
  private static final Logger log = LoggerFactory.getLogger(ActiveEdge.class);

  private final ActiveVertex vertex;
  private final int output;
  private final Answer<KeySet> fast;
  private final Answer<Probed> slow;
  private final Flight<SolvedEdge> result;
  private volatile int solvedWith; // how many caches were known then
  private volatile boolean resultWanted; // lets a proven miss start all inputs at once
  private volatile boolean used; // by an operation, which needs what the value stands for

  /** What caches say. They only become more, and then are asked again. */
  private final class Answer<T> {
    private final String name;
    private final Callable<T> question;
    private int caches; // guarded by this
    private Flight<T> flight; // guarded by this

    Answer(String name, Callable<T> question) {
      this.name = name;
      this.question = question;
      caches = vertex.sourceCount();
      flight = new Flight<>(name, question);
    }

    T join() throws Exception {
      return flight().join();
    }

    private synchronized Flight<T> flight() {
      int known = vertex.sourceCount();
      if (known != caches) {
        caches = known;
        flight = new Flight<>(name, question);
      }
      return flight;
    }
  }

  /** A record together with the cache that has it. */
  private record Found(CacheSource source, CacheRecord record) {}

  private sealed interface Probed {
    KeySet names();

    record Hit(List<Found> records, KeySet names) implements Probed {}

    /**
     * @param heldBack whether some input's content was not compared, because its names led here
     *     anyway
     */
    record Miss(KeySet names, boolean heldBack) implements Probed {}
  }

  ActiveEdge(ActiveVertex vertex, int output) {
    this.vertex = vertex;
    this.output = output;
    String name = vertex.vertex().name() + "." + output;
    fast = new Answer<>("fast " + name, this::definitionNames);
    slow = new Answer<>("slow " + name, () -> probe(Set.of(), resultWanted));
    result = new Flight<>("result " + name, this::solve);
  }

  ActiveVertex vertex() {
    return vertex;
  }

  /** The value; loads or makes it if need be. What it stands for may still be elsewhere. */
  SolvedEdge solved() throws Exception {
    return result.join();
  }

  /** The value, and what it stands for is here. */
  SolvedEdge prepared() throws Exception {
    used = true; // in time for most: what cannot be brought is then a miss
    SolvedEdge solved = result.join();
    solved.result().prepare();
    return solved;
  }

  /** An input's value as the operation needs it. */
  private SolvedEdge argument(int input) throws Exception {
    ActiveEdge in = vertex.inputs().get(input);
    return vertex.vertex().op().usesInputs() ? in.prepared() : in.solved();
  }

  /** Names known without running or loading anything. */
  private KeySet fastNames() throws Exception {
    Optional<SolvedEdge> known = result.peek();
    return known.isPresent() ? usable(known.get()) : fast.join();
  }

  /** Names known after comparing contents of inputs where that can help. */
  private KeySet slowNames() throws Exception {
    Optional<SolvedEdge> known = result.peek();
    if (known.isPresent()) {
      return usable(known.get());
    }
    return vertex.key().ignoreCache() ? KeySet.EMPTY : slow.join().names();
  }

  /** The value's names, and those that caches have for it which another build brought since. */
  private KeySet usable(SolvedEdge solved) throws Exception {
    if (!solved.probeable()) {
      return KeySet.EMPTY;
    }
    List<CacheSource> caches = vertex.sources();
    if (caches.size() == solvedWith) {
      return solved.names();
    }
    return solved.names().plus(fast.join().in(caches.subList(solvedWith, caches.size())));
  }

  private CacheSource main() {
    return vertex.solver().main();
  }

  // ---- names

  private KeySet definitionNames() throws Exception {
    if (vertex.key().ignoreCache()) {
      return KeySet.EMPTY;
    }
    if (vertex.inputs().isEmpty()) {
      return rootNames();
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

  private KeySet rootNames() throws Exception {
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

  private CacheKeyId rootKey(CacheMap map) {
    return map.random()
        ? CacheKeyId.random(map.digest(), output)
        : CacheKeyId.root(map.digest(), output);
  }

  private KeySet follow(CacheMap map, int input, KeySet from) {
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

  private CacheLink link(CacheMap map, int input) {
    return CacheLink.of(input, output, map.digest(), map.dependencies().get(input).selector());
  }

  private CacheLink contentLink(CacheMap map, int input) {
    return CacheLink.of(input, output, map.digest(), Optional.empty());
  }

  private List<Found> records(KeySet names, Set<String> excluded) {
    List<Found> out = new ArrayList<>();
    names
        .ids()
        .forEach((source, ids) -> {
          for (CacheKeyId id : ids) {
            for (CacheRecord found : source.keys().records(id)) {
              if (!excluded.contains(found.resultId())) {
                out.add(new Found(source, found));
              }
            }
          }
        });
    out.sort(Comparator.comparing((Found f) -> f.record().createdAt()).reversed());
    return out;
  }

  // ---- probing

  /**
   * Climbs the inputs' ladders, cheapest first, until a record is found or a miss is certain.
   *
   * @param whole whether the value is wanted, not only names: then contents are compared even of
   *     inputs whose names lead here, for which they may have to be made
   */
  private Probed probe(Set<String> excluded, boolean whole) throws Exception {
    if (vertex.inputs().isEmpty()) {
      KeySet names = fastNames();
      List<Found> found = records(names, excluded);
      return found.isEmpty() ? new Probed.Miss(names, false) : new Probed.Hit(found, names);
    }
    try (Scope scope = Scope.open("probe " + vertex)) {
      Ladder ladder = new Ladder(excluded, whole, scope);
      scope.fork("cachemap " + vertex, () -> vertex.cacheMap(0));
      for (int i = 0; i < vertex.inputs().size(); i++) {
        int input = i;
        scope.fork("climb " + vertex + "#" + i, () -> ladder.climb(input));
      }
      try {
        scope.join();
      } catch (InterruptedException e) {
        if (!ladder.decided()) {
          throw e;
        }
      }
      return ladder.outcome();
    }
  }

  private final class Ladder {
    private final Set<String> excluded;
    private final Scope scope;
    private final List<Evidence.Input> views = new ArrayList<>();
    private final List<KeySet> matches = new ArrayList<>();
    private KeySet names = KeySet.EMPTY;
    private List<Found> hit = List.of();
    private final boolean whole;
    private boolean heldBack;

    Ladder(Set<String> excluded, boolean whole, Scope scope) {
      this.excluded = excluded;
      this.whole = whole;
      this.scope = scope;
      for (int i = 0; i < vertex.inputs().size(); i++) {
        views.add(new Evidence.Input(Evidence.Level.NONE, true, false));
        matches.add(KeySet.EMPTY);
      }
    }

    void climb(int input) throws Exception {
      ActiveEdge in = vertex.inputs().get(input);
      while (true) {
        Optional<Evidence.Level> to = nextLevel(input);
        if (to.isEmpty()) {
          if (resultWanted && missed()) {
            argument(input); // it will be needed: get going
          }
          return;
        }
        switch (to.get()) {
          case NONE -> throw new IllegalStateException("nobody climbs to the ground");
          case FAST -> { // the op's map and the input's names are asked for side by side
            KeySet known = in.fastNames();
            CacheMap map = vertex.cacheMap(0);
            offer(map, input, Evidence.Level.FAST, follow(map, input, known));
          }
          case SLOW -> {
            CacheMap map = vertex.cacheMap(0);
            offer(map, input, Evidence.Level.SLOW, follow(map, input, in.slowNames()));
          }
          case CONTENT -> {
            CacheMap map = vertex.cacheMap(0);
            offer(map, input, Evidence.Level.CONTENT, byContent(map, input, in));
          }
        }
      }
    }

    private KeySet byContent(CacheMap map, int input, ActiveEdge in) throws Exception {
      CacheKeyId content = CacheKeyId.content(vertex.content(input));
      CacheLink link = contentLink(map, input);
      KeySet found = KeySet.by(vertex.sources(), s -> s.keys().follow(content, link));
      SolvedEdge solved = in.solved();
      if (solved.probeable()) { // let the definition's names lead here next time
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

    private synchronized Optional<Evidence.Level> nextLevel(int input) throws InterruptedException {
      while (true) {
        switch (Evidence.next(views, input, !hit.isEmpty())) {
          case Evidence.Step.Climb(Evidence.Level level) -> {
            if (level == Evidence.Level.CONTENT && !whole && views.get(input).matched()) {
              heldBack = true;
              return Optional.empty();
            }
            return Optional.of(level);
          }
          case Evidence.Step.Stop() -> {
            return Optional.empty();
          }
          case Evidence.Step.Wait() -> wait();
        }
      }
    }

    private synchronized void offer(CacheMap map, int input, Evidence.Level level, KeySet found) {
      matches.set(input, matches.get(input).plus(found));
      views.set(
          input,
          new Evidence.Input(
              level,
              map.dependencies().get(input).content().isPresent(),
              !matches.get(input).isEmpty()));
      names = KeySet.intersection(matches);
      hit = records(names, excluded);
      notifyAll();
      if (!hit.isEmpty()) {
        scope.cancel();
      }
    }

    private synchronized boolean missed() {
      return hit.isEmpty() && Evidence.missProven(views);
    }

    synchronized boolean decided() {
      return !hit.isEmpty();
    }

    synchronized Probed outcome() {
      return hit.isEmpty() ? new Probed.Miss(names, heldBack) : new Probed.Hit(hit, names);
    }
  }

  // ---- the value

  private SolvedEdge solve() throws Exception {
    resultWanted = true;
    solvedWith = vertex.sourceCount();
    Set<String> failed = new HashSet<>();
    if (!vertex.key().ignoreCache()) {
      Probed probed = slow.join();
      if (probed instanceof Probed.Miss(KeySet _, boolean heldBack) && heldBack) {
        probed = probe(Set.of(), true);
      }
      while (probed instanceof Probed.Hit(List<Found> records, KeySet names)) {
        Found first = records.getFirst();
        try {
          return loaded(first, names);
        } catch (InterruptedException e) {
          throw e;
        } catch (Exception e) { // a record that cannot be loaded is a miss, not a failed build
          if (first.source().equals(main()) && BuildException.categoryOf(e) == Category.NOT_FOUND) {
            main().keys().release(first.record().resultId());
          }
          log.debug(
              "cached result not used step={} result={} of={} error={}",
              vertex,
              first.record().resultId(),
              first.source().id(),
              e.toString());
          failed.add(first.record().resultId());
          probed = probe(Set.copyOf(failed), true);
        }
      }
    }
    return executed(!failed.isEmpty());
  }

  private SolvedEdge loaded(Found found, KeySet names) throws Exception {
    Solver.RecordKey key = new Solver.RecordKey(found.source(), found.record().resultId());
    Solver.Held held =
        vertex
            .solver()
            .hold(
                key,
                vertex,
                0,
                () -> {
                  Result value =
                      vertex.naming(() -> found.source().load(found.record(), vertex, used));
                  if (!found.source().equals(main())) {
                    found.source().adopt(found.record(), value, main().keys());
                  }
                  vertex.cached();
                  return List.of(value);
                });
    try {
      Result value = held.values().flight.join().get(held.output());
      if (held.values().runner != vertex) {
        vertex.cached();
      }
      return new SolvedEdge(value, found.record().key(), names, true);
    } catch (InterruptedException e) {
      throw e;
    } catch (Exception e) {
      vertex.solver().forget(key, held);
      throw e;
    }
  }

  private SolvedEdge executed(boolean skipStored) throws Exception {
    Set<CacheKeyId> rootIds = new LinkedHashSet<>();
    CacheMap map = vertex.cacheMap(0);
    if (vertex.inputs().isEmpty()) {
      rootIds.add(rootKey(map));
      for (int i = 1; !map.last(); i++) {
        map = vertex.cacheMap(i);
        rootIds.add(rootKey(map));
      }
    }
    List<SolvedEdge> inputs = solveInputs(map);

    boolean fresh = vertex.key().ignoreCache();
    StringBuilder parts = new StringBuilder(map.random() ? "random:" : "").append(map.digest());
    for (int i = 0; i < inputs.size(); i++) {
      CacheMap.Dependency dependency = map.dependencies().get(i);
      if (dependency.content().isPresent()) {
        parts.append("|content:").append(vertex.content(i));
      } else {
        parts.append('|').append(inputs.get(i).canonical().value()).append('+');
        dependency.selector().ifPresent(parts::append);
        fresh |= !inputs.get(i).probeable();
      }
    }
    Solver.ExecKey execKey = new Solver.ExecKey(Digest.of(parts.toString()).toString());
    CacheKeyId canonical =
        vertex.inputs().isEmpty()
            ? rootKey(map)
            : new CacheKeyId(Digest.of(execKey.value() + "@" + output).toString());
    return runOrJoin(execKey, canonical, map, inputs, rootIds, fresh, !fresh && !skipStored);
  }

  private List<SolvedEdge> solveInputs(CacheMap map) throws Exception {
    List<Callable<SolvedEdge>> wanted = new ArrayList<>();
    for (int i = 0; i < vertex.inputs().size(); i++) {
      int input = i;
      wanted.add(() -> {
        SolvedEdge solved = argument(input);
        if (map.dependencies().get(input).content().isPresent()) {
          vertex.content(input);
        }
        return solved;
      });
    }
    return wanted.isEmpty() ? List.of() : Scope.all("inputs of " + vertex, wanted);
  }

  private SolvedEdge runOrJoin(
      Solver.ExecKey execKey,
      CacheKeyId canonical,
      CacheMap map,
      List<SolvedEdge> inputs,
      Set<CacheKeyId> rootIds,
      boolean fresh,
      boolean look)
      throws Exception {
    List<Result> arguments = inputs.stream().map(SolvedEdge::result).toList();
    while (true) {
      Solver.Held held =
          vertex
              .solver()
              .hold(
                  execKey,
                  vertex,
                  output,
                  () -> {
                    // looked up only now that we hold the key: whoever ran this before us saved it
                    // before letting go
                    if (look && !main().keys().records(canonical).isEmpty()) {
                      return List.of();
                    }
                    return run(arguments);
                  });
      List<Result> outputs;
      try {
        outputs = held.values().flight.join();
      } catch (InterruptedException e) {
        throw e;
      } catch (Exception e) {
        vertex.solver().forget(execKey, held);
        throw e;
      }
      if (outputs.isEmpty()) {
        vertex.solver().forget(execKey, held);
        List<CacheRecord> stored = main().keys().records(canonical);
        if (!stored.isEmpty()) {
          try {
            return loaded(
                new Found(main(), stored.getLast()), new KeySet(Map.of(main(), Set.of(canonical))));
          } catch (InterruptedException e) {
            throw e;
          } catch (Exception e) {
            main().keys().release(stored.getLast().resultId());
          }
        }
        continue;
      }
      if (output >= outputs.size()) {
        throw new SolveException(
            vertex.vertex().digest(),
            vertex.vertex().name(),
            BuildException.invalid("no output " + output + " of " + vertex));
      }
      Result value = outputs.get(output);
      save(held.values(), map, inputs, value, canonical, rootIds);
      Set<CacheKeyId> names = new LinkedHashSet<>(rootIds);
      names.add(canonical);
      return new SolvedEdge(value, canonical, new KeySet(Map.of(main(), names)), !fresh);
    }
  }

  private List<Result> run(List<Result> arguments) throws Exception {
    Op op = vertex.vertex().op();
    Optional<Semaphore> permits = op.takesPermit() ? vertex.solver().permits() : Optional.empty();
    if (permits.isPresent()) {
      permits.get().acquire();
    }
    try {
      vertex.progress().started();
      try {
        List<Result> made = vertex.naming(() -> prepared(op.exec(vertex, arguments)));
        return made; // told as complete once it is recorded, so that no crash can make that a lie
      } catch (Throwable e) {
        vertex.progress().completed(e);
        throw e;
      }
    } finally {
      permits.ifPresent(Semaphore::release);
    }
  }

  private List<Result> prepared(List<Result> made) throws Exception {
    boolean complete = false;
    try {
      if (used) {
        for (Result one : made) {
          one.prepare();
        }
      }
      complete = true;
      return made;
    } finally {
      if (!complete) {
        made.forEach(Result::close);
      }
    }
  }

  private void save(
      Solver.SharedValues values,
      CacheMap map,
      List<SolvedEdge> inputs,
      Result value,
      CacheKeyId canonical,
      Set<CacheKeyId> rootIds)
      throws Exception {
    synchronized (values) { // whoever else wants this output goes on only when it is recorded
      boolean first = values.saved.isEmpty();
      if (values.saved.add(output)) {
        record(values, map, inputs, value, canonical, rootIds);
      }
      if (first) {
        values.runner.progress().completed(null);
      }
    }
  }

  private void record(
      Solver.SharedValues values,
      CacheMap map,
      List<SolvedEdge> inputs,
      Result value,
      CacheKeyId canonical,
      Set<CacheKeyId> rootIds)
      throws Exception {
    // before the record can be seen, so that nobody loads what is already here
    vertex.solver().alias(value, values, output);
    for (CacheKeyId id : rootIds.isEmpty() ? Set.of(canonical) : rootIds) {
      main().keys().save(id, value.id());
    }
    for (int i = 0; i < inputs.size(); i++) {
      CacheMap.Dependency dependency = map.dependencies().get(i);
      Set<CacheKeyId> from = new LinkedHashSet<>(inputs.get(i).names().in(main()));
      from.add(inputs.get(i).canonical());
      for (CacheKeyId id : from) {
        main().keys().link(id, link(map, i), canonical);
      }
      if (dependency.content().isPresent()) {
        main().keys().link(CacheKeyId.content(vertex.content(i)), contentLink(map, i), canonical);
      }
    }
  }
}
