package dev.buildd.solver.graph;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.cache.key.CacheRecord;
import dev.buildd.cache.key.CacheStore;
import dev.buildd.cache.key.MemoryCacheStore;
import java.time.Clock;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** A solver over values that are texts, and everything counted that it does. */
final class Lab implements CacheSource {
  /** What a step does with its inputs' values. */
  @FunctionalInterface
  interface Body {
    String run(OpContext context, List<String> inputs) throws Exception;
  }

  private final CacheStore keys = new MemoryCacheStore("lab", Clock.systemUTC());
  private final Map<String, String> values = new ConcurrentHashMap<>();
  private final AtomicLong lastId = new AtomicLong();
  private final AtomicInteger held = new AtomicInteger();
  final Solver solver;
  final Map<String, AtomicInteger> execs = new ConcurrentHashMap<>();
  final Map<String, AtomicInteger> maps = new ConcurrentHashMap<>();
  final ConcurrentLinkedQueue<String> loads = new ConcurrentLinkedQueue<>();
  volatile boolean failLoads;
  private final AtomicInteger jobs = new AtomicInteger();

  Lab() {
    this(0);
  }

  Lab(int maxParallelism) {
    solver = new Solver(this, Clock.systemUTC(), maxParallelism);
  }

  @Override
  public String id() {
    return "lab";
  }

  @Override
  public CacheStore keys() {
    return keys;
  }

  @Override
  public Result load(CacheRecord record, OpContext context, boolean used) {
    loads.add(values.getOrDefault(record.resultId(), "?"));
    if (failLoads || !values.containsKey(record.resultId())) {
      throw BuildException.notFound("lost " + record.resultId());
    }
    return new Value(record.resultId());
  }

  /** A counted reference to a text. */
  final class Value implements Result {
    private final String id;
    private boolean open = true;

    Value(String id) {
      this.id = id;
      held.incrementAndGet();
    }

    String text() {
      return String.valueOf(values.get(id));
    }

    @Override
    public String id() {
      return id;
    }

    @Override
    public Value share() {
      if (!open) {
        throw new IllegalStateException("share of a closed value " + text());
      }
      return new Value(id);
    }

    @Override
    public void close() {
      if (!open) {
        throw new IllegalStateException("closed twice: " + text());
      }
      open = false;
      held.decrementAndGet();
    }
  }

  Value value(String text) {
    String id = "r" + lastId.incrementAndGet();
    values.put(id, text);
    return new Value(id);
  }

  static String text(Result result) {
    return ((Value) result).text();
  }

  // --- building graphs ---

  Step step(String name) {
    return new Step(name);
  }

  /** A vertex in the making; also the vertex. */
  final class Step implements Vertex, Op {
    private final String name;
    private String seed;
    private String key;
    private final List<Edge> inputs = new ArrayList<>();
    private final Map<Integer, Boolean> byContent = new LinkedHashMap<>();
    private final Map<Integer, String> selectors = new LinkedHashMap<>();
    private boolean ignoreCache;
    private List<String> laterKeys = List.of();
    private Body body;
    private int outputs = 1;
    private List<CacheSource> caches = List.of();
    private volatile @Nullable Digest digest;

    Step(String name) {
      this.name = name;
      this.seed = name;
      this.key = name;
      this.body = (context, in) -> this.key + in;
    }

    /** What makes the definition different. */
    Step seed(String other) {
      seed = other;
      return this;
    }

    /** What makes the operation different. */
    Step key(String other) {
      key = other;
      return this;
    }

    Step input(Step step) {
      return input(step, 0);
    }

    Step input(Step step, int output) {
      step.digest(); // known from here on, so that long chains need no deep stack
      inputs.add(new Edge(step, output));
      return this;
    }

    Step content(int input) {
      byContent.put(input, true);
      return this;
    }

    Step selector(int input, String path) {
      selectors.put(input, path);
      return this;
    }

    Step noCache() {
      ignoreCache = true;
      return this;
    }

    Step laterKeys(String... more) {
      laterKeys = List.of(more);
      return this;
    }

    Step outputs(int count) {
      outputs = count;
      return this;
    }

    /** A cache besides the daemon's own, for this step and all below it. */
    Step cachedIn(CacheSource cache) {
      caches = List.of(cache);
      inputs.forEach(edge -> ((Step) edge.vertex()).cachedIn(cache));
      return this;
    }

    Step does(Body other) {
      body = other;
      return this;
    }

    Step gives(String text) {
      return does((context, in) -> text);
    }

    @Override
    public Digest digest() {
      Digest known = digest;
      if (known == null) {
        StringBuilder out = new StringBuilder(seed).append('|').append(key);
        inputs.forEach(
            edge -> out.append('|').append(edge.vertex().digest()).append(edge.output()));
        known = Digest.of(out.toString());
        digest = known;
      }
      return known;
    }

    @Override
    public String name() {
      return name;
    }

    @Override
    public List<Edge> inputs() {
      return inputs;
    }

    @Override
    public boolean ignoreCache() {
      return ignoreCache;
    }

    @Override
    public boolean exportCache() {
      return true;
    }

    @Override
    public Optional<ProgressGroup> progressGroup() {
      return Optional.empty();
    }

    @Override
    public List<CacheSource> cacheSources() {
      return caches;
    }

    @Override
    public Op op() {
      return this;
    }

    @Override
    public CacheMap cacheMap(OpContext context, int index) {
      maps.computeIfAbsent(name, n -> new AtomicInteger()).incrementAndGet();
      List<CacheMap.Dependency> dependencies = new ArrayList<>();
      for (int i = 0; i < inputs.size(); i++) {
        Optional<Digest> selector =
            Optional.ofNullable(selectors.get(i)).map(path -> Digest.of(path));
        Optional<CacheMap.ContentDigest> content =
            byContent.containsKey(i)
                ? Optional.of((result, c) -> Digest.of(text(result)))
                : Optional.empty();
        dependencies.add(new CacheMap.Dependency(selector, content));
      }
      String at = index == 0 ? key : laterKeys.get(index - 1);
      return new CacheMap(Digest.of(at), false, dependencies, index == laterKeys.size());
    }

    @Override
    public List<Result> exec(OpContext context, List<Result> arguments) throws Exception {
      execs.computeIfAbsent(name, n -> new AtomicInteger()).incrementAndGet();
      String text = body.run(context, arguments.stream().map(Lab::text).toList());
      List<Result> out = new ArrayList<>();
      for (int i = 0; i < outputs; i++) {
        out.add(value(outputs == 1 ? text : text + "#" + i));
      }
      return out;
    }

    @Override
    public String toString() {
      return name;
    }
  }

  // --- running ---

  Job job() {
    return solver.newJob("job" + jobs.incrementAndGet(), "");
  }

  /** Builds in a job of its own that is closed when this returns. */
  String build(Step step) throws Exception {
    return build(step, 0);
  }

  String build(Step step, int output) throws Exception {
    Job job = job();
    try (job;
        Result result = job.build(new Edge(step, output))) {
      return text(result);
    } finally {
      solver.discard(job);
    }
  }

  int execs(String name) {
    AtomicInteger count = execs.get(name);
    return count == null ? 0 : count.get();
  }

  int allExecs() {
    return execs.values().stream().mapToInt(AtomicInteger::get).sum();
  }

  void forgetCounts() {
    execs.clear();
    maps.clear();
    loads.clear();
  }

  /** Once no job is open, nothing is active and nothing is held. */
  void checkNothingLeft() {
    assertThat(solver.activeCount()).as("active vertices").isZero();
    assertThat(solver.heldCount()).as("held values").isZero();
    assertThat(held).as("references").hasValue(0);
  }
}
