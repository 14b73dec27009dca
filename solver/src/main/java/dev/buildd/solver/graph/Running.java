package dev.buildd.solver.graph;

import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.cache.key.CacheDigest;
import dev.buildd.cache.key.CacheKeyId;
import dev.buildd.cache.key.CacheRecord;
import dev.buildd.cache.key.CacheStore;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;

/** Makes an output's value by running the operation, and records it. */
final class Running {
  private final ActiveVertex vertex;
  private final int output;
  private final EdgeNames edge;
  private final Loading loading;

  Running(ActiveVertex vertex, int output, EdgeNames edge, Loading loading) {
    this.vertex = vertex;
    this.output = output;
    this.edge = edge;
    this.loading = loading;
  }

  /**
   * How a value is to be made.
   *
   * @param used whether an operation is going to use the value
   * @param look whether a record that appeared meanwhile may answer
   * @param whole whether inputs have to be here even if the operation only passes them on
   */
  record Wish(boolean used, boolean look, boolean whole) {}

  /**
   * What is run, and under which names its result is recorded.
   *
   * @param contents of the inputs whose content counts instead of their name
   * @param rootIds the names of a vertex without inputs
   * @param fresh whether the value is forced fresh, and its names lead to no older records
   */
  private record Plan(
      ActiveGraph.ExecKey key,
      CacheKeyId canonical,
      CacheMap map,
      List<Solved> inputs,
      Map<Integer, Digest> contents,
      Set<CacheKeyId> rootIds,
      boolean fresh) {
    List<SharedResult> arguments() {
      return inputs.stream().map(Solved::value).toList();
    }

    List<Execution> executions() {
      return inputs.stream().map(Solved::execution).toList();
    }
  }

  Solved run(Wish wish) throws Exception {
    if (vertex.mayNotRun()) {
      throw vertex.named(notRun());
    }
    Plan plan = plan(wish.whole());
    boolean look = wish.look() && !plan.fresh();
    while (true) {
      boolean looking = look;
      ActiveGraph graph = vertex.graph();
      ActiveGraph.Share held =
          graph.share(
              plan.key(),
              vertex,
              output,
              () ->
                  new Execution(
                      graph,
                      vertex,
                      plan.executions(),
                      self -> runAndRecord(self, plan, wish.used(), looking)));
      List<SharedResult> outputs = vertex.await(held);
      if (!outputs.isEmpty()) {
        return made(held, outputs, plan);
      }
      // recorded by an execution that was over before this one began
      graph.forget(held.execution());
      graph.leave(held.execution(), vertex);
      if (look) {
        Optional<Solved> stored = stored(plan, wish.used());
        if (stored.isPresent()) {
          return stored.get();
        }
        look = false;
      }
    }
  }

  /** Tells why the operation would run, instead of running it. */
  private Exception notRun() throws Exception {
    DryRunException out = new DryRunException(vertex.toString());
    List<String> unknown = new ArrayList<>();
    for (int i = 0; i < vertex.inputs().size(); i++) { // each, so that all are told of
      try {
        vertex.argument(i);
      } catch (Exception e) {
        if (!DryRunException.isCauseOf(e)) {
          throw e;
        }
        unknown.add(vertex.inputs().get(i).vertex().toString());
      }
    }
    if (unknown.isEmpty()) {
      vertex.graph().observer().wouldRun(facts(vertex.progress(), plan(false)));
    } else {
      vertex
          .progress()
          .explained(
              new ProgressEvent.Reason(
                  ProgressEvent.Reason.Kind.CHANGED,
                  "its input " + unknown.getFirst() + " would run, and may come out as before",
                  List.of(),
                  ""));
    }
    return out;
  }

  private CacheStore store() {
    return vertex.graph().main().keys();
  }

  private Plan plan(boolean whole) throws Exception {
    Set<CacheKeyId> rootIds = new LinkedHashSet<>();
    CacheMap map = vertex.cacheMap(0);
    if (vertex.inputs().isEmpty()) {
      rootIds.add(edge.rootKey(map));
      for (int i = 1; !map.last(); i++) {
        map = vertex.cacheMap(i);
        rootIds.add(edge.rootKey(map));
      }
    }
    List<Solved> inputs = solveInputs(map, whole);
    boolean fresh = vertex.key().ignoreCache();
    StringBuilder parts = new StringBuilder(map.random() ? "random:" : "").append(map.digest());
    Map<Integer, Digest> contents = new HashMap<>();
    for (int i = 0; i < inputs.size(); i++) {
      CacheMap.Dependency dependency = map.dependencies().get(i);
      if (dependency.content().isPresent()) {
        contents.put(i, vertex.content(i));
        parts.append("|content:").append(vertex.content(i));
      } else {
        parts.append('|').append(inputs.get(i).canonical().value()).append('+');
        dependency.selector().ifPresent(parts::append);
        fresh |= !inputs.get(i).probeable();
      }
    }
    String meaning = CacheDigest.of(CacheDigest.Kind.STRING, parts.toString()).toString();
    CacheKeyId canonical =
        vertex.inputs().isEmpty()
            ? edge.rootKey(map)
            : new CacheKeyId(
                CacheDigest.of(CacheDigest.Kind.STRING, meaning + "@" + output).toString());
    return new Plan(
        new ActiveGraph.ExecKey(meaning, whole), canonical, map, inputs, contents, rootIds, fresh);
  }

  private List<Solved> solveInputs(CacheMap map, boolean whole) throws Exception {
    List<Callable<Solved>> wanted = new ArrayList<>();
    for (int i = 0; i < vertex.inputs().size(); i++) {
      int input = i;
      wanted.add(() -> {
        Solved solved = whole ? vertex.inputs().get(input).prepared() : vertex.argument(input);
        if (map.dependencies().get(input).content().isPresent()) {
          vertex.content(input);
        }
        return solved;
      });
    }
    return wanted.isEmpty() ? List.of() : Scope.all("inputs of " + vertex, wanted);
  }

  /** The value of a record that appeared since the probe; empty if it cannot be had. */
  private Optional<Solved> stored(Plan plan, boolean used) throws Exception {
    List<CacheRecord> records = store().records(plan.canonical());
    if (records.isEmpty()) {
      return Optional.empty();
    }
    CacheSource main = vertex.graph().main();
    FoundRecord found = new FoundRecord(main, records.getLast());
    try {
      KeySet names = new KeySet(Map.of(main, Set.of(plan.canonical())));
      return Optional.of(loading.load(found, names, used));
    } catch (Exception e) {
      vertex.missed(found, e);
      return Optional.empty();
    }
  }

  // ---- within the execution

  /** An empty list says that a record has appeared. */
  private List<SharedResult> runAndRecord(Execution self, Plan plan, boolean used, boolean look)
      throws Exception {
    // looked up only now that the key is held: whoever ran this before us recorded it before
    // letting go
    if (look && !store().records(plan.canonical()).isEmpty()) {
      return List.of();
    }
    Op op = vertex.vertex().op();
    ActiveGraph.Turn turn = op.takesPermit() ? vertex.graph().awaitTurn() : () -> {};
    self.progress().started();
    RunObserver.Run observed = vertex.graph().observer().begins(facts(self.progress(), plan));
    Optional<String> result = Optional.empty();
    List<SharedResult> made;
    try {
      try {
        made = op.exec(self, plan.arguments());
      } finally {
        turn.close();
      }
      keep(self, plan, used, made);
      result = Optional.of(valueOf(made).id());
    } finally {
      observed.ended(result);
    }
    // told only now that it is recorded, so that no crash can make that a lie
    self.progress().completed(null);
    return made;
  }

  private RunObserver.Facts facts(VertexProgress progress, Plan plan) {
    List<RunObserver.Input> inputs = new ArrayList<>();
    for (int i = 0; i < plan.inputs().size(); i++) {
      Solved input = plan.inputs().get(i);
      inputs.add(
          new RunObserver.Input(
              vertex.inputs().get(i).vertex().vertex(),
              input.canonical(),
              Optional.ofNullable(plan.contents().get(i)),
              plan.map().dependencies().get(i).content(),
              !input.probeable(),
              input.value()));
    }
    return new RunObserver.Facts(
        vertex.graph().buildOf(vertex),
        vertex.vertex(),
        plan.map().digest(),
        plan.map().random(),
        plan.canonical(),
        vertex.key().ignoreCache(),
        vertex.progress().pin(),
        inputs,
        vertex.lost(),
        vertex.sources().stream()
            .filter(source -> !source.equals(vertex.graph().main()))
            .map(CacheSource::name)
            .toList(),
        progress);
  }

  /** Records what was made, or lets go of it. */
  private void keep(Execution self, Plan plan, boolean used, List<SharedResult> made)
      throws Exception {
    Op op = vertex.vertex().op();
    boolean complete = false;
    try {
      if (used && op.usesInputs()) { // else its inputs may be lost, and are made again first
        for (SharedResult one : made) {
          one.prepare();
        }
      }
      self.record(output, () -> recordResult(self, plan, valueOf(made)));
      complete = true;
    } finally {
      if (!complete) {
        made.forEach(SharedResult::close);
      }
    }
  }

  private SharedResult valueOf(List<SharedResult> outputs) {
    if (output >= outputs.size()) {
      throw BuildException.invalid("no output " + output + " of " + vertex);
    }
    return outputs.get(output);
  }

  private void recordResult(Execution self, Plan plan, SharedResult value) {
    // before the record can be seen, so that nobody loads what is already here
    vertex.graph().alias(value, self, output);
    for (CacheKeyId id : plan.rootIds().isEmpty() ? Set.of(plan.canonical()) : plan.rootIds()) {
      store().save(id, value.id());
    }
  }

  // ---- after it

  private Solved made(ActiveGraph.Share held, List<SharedResult> outputs, Plan plan)
      throws Exception {
    boolean noted = false;
    try {
      SharedResult value = vertex.naming(() -> valueOf(outputs));
      vertex.naming(() -> {
        held.execution().record(output, () -> recordResult(held.execution(), plan, value));
        link(plan);
        return value;
      });
      noted = true;
      Set<CacheKeyId> names = new LinkedHashSet<>(plan.rootIds());
      names.add(plan.canonical());
      return new Solved(
          held.execution(),
          value,
          plan.canonical(),
          new KeySet(Map.of(vertex.graph().main(), names)),
          !plan.fresh(),
          Optional.empty());
    } finally {
      if (!noted) {
        vertex.graph().leave(held.execution(), vertex);
      }
    }
  }

  /** From now on this vertex's inputs, by their names and contents, lead to the result. */
  private void link(Plan plan) throws Exception {
    CacheMap map = plan.map();
    for (int i = 0; i < plan.inputs().size(); i++) {
      Solved input = plan.inputs().get(i);
      Set<CacheKeyId> from = new LinkedHashSet<>(input.names().in(vertex.graph().main()));
      from.add(input.canonical());
      for (CacheKeyId id : from) {
        store().link(id, edge.link(map, i), plan.canonical());
      }
      if (map.dependencies().get(i).content().isPresent()) {
        CacheKeyId content = CacheKeyId.content(vertex.content(i));
        store().link(content, edge.contentLink(map, i), plan.canonical());
      }
    }
  }
}
