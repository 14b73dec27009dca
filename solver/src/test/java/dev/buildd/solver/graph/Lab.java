package dev.buildd.solver.graph;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.cache.key.CacheRecord;
import dev.buildd.cache.key.CacheStore;
import dev.buildd.cache.key.MemoryCacheStore;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.time.Clock;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A solver over values that are texts, and everything counted that it does. Every job has a session
 * of its own, and every step a definition of its own, unless it is given a seed.
 */
final class Lab implements CacheSource {
  /** What a step does with its inputs' values. */
  @FunctionalInterface
  interface Body {
    String run(OpContext context, List<String> inputs) throws Exception;
  }

  private final CacheStore keys;
  private final AtomicInteger asked = new AtomicInteger();
  private final AtomicLong lastSeed = new AtomicLong();
  private final Set<String> lost = ConcurrentHashMap.newKeySet();
  private final Map<String, String> values = new ConcurrentHashMap<>();
  private final AtomicLong lastId = new AtomicLong();
  private final AtomicInteger held = new AtomicInteger();
  final Solver solver;
  final Map<String, AtomicInteger> execs = new ConcurrentHashMap<>();
  final Map<String, AtomicInteger> maps = new ConcurrentHashMap<>();
  final ConcurrentLinkedQueue<String> loads = new ConcurrentLinkedQueue<>();
  volatile boolean failLoads;
  volatile boolean failSaves;
  volatile @Nullable RuntimeException loadsFailWith;

  /** Called at the beginning of each load, which may take its time. */
  volatile Loading loading = text -> {};

  /** What a load does before it answers. */
  @FunctionalInterface
  interface Loading {
    void loads(String text) throws Exception;
  }

  /** What the solver asks on a full disk. */
  volatile BooleanSupplier makeRoom = () -> false;

  /** Called wherever another thread may go on, had it a mind to. */
  volatile Runnable pause = () -> {};

  private final AtomicInteger jobs = new AtomicInteger();

  Lab() {
    this(0);
  }

  Lab(int maxParallelism) {
    CacheStore memory = new MemoryCacheStore("lab", Clock.systemUTC());
    keys =
        (CacheStore)
            Proxy.newProxyInstance(
                Lab.class.getClassLoader(),
                new Class<?>[] {CacheStore.class},
                (proxy, method, arguments) -> asked(memory, proxy, method, arguments));
    solver =
        new Solver(
            this,
            Clock.systemUTC(),
            maxParallelism,
            RunObserver.NONE,
            () -> makeRoom.getAsBoolean());
  }

  /** The store, where another thread may go on before each answer. */
  @SuppressWarnings("ReferenceEquality") // a proxy is equal to itself
  private Object asked(CacheStore memory, Object proxy, Method method, Object[] arguments)
      throws Throwable {
    if (method.getName().equals("equals")) {
      return proxy == arguments[0];
    }
    if (method.getName().equals("save") && failSaves) {
      throw new BuildException(Category.RESOURCE_EXHAUSTED, "no space left on device");
    }
    asked.incrementAndGet();
    pause.run();
    return method.invoke(memory, arguments);
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
  public SharedResult load(CacheRecord record, OpContext context, boolean used) throws Exception {
    String id = record.resultId();
    String text = values.getOrDefault(id, "?");
    loads.add(text);
    loading.loads(text);
    pause.run();
    RuntimeException failure = loadsFailWith;
    if (failure != null) {
      throw failure;
    }
    if (failLoads || !values.containsKey(id) || (used && lost.contains(id))) {
      throw BuildException.notFound("lost " + id);
    }
    return new Value(id, !used);
  }

  /**
   * What the value stands for is gone from where it was kept, and its record knows nothing of it.
   */
  void lose(String id) {
    lost.add(id);
  }

  /** All that was ever made. */
  List<String> everything() {
    return List.copyOf(values.keySet());
  }

  /** A counted reference to a text. */
  final class Value implements SharedResult {
    private final String id;
    private volatile boolean open = true;
    private volatile boolean lazy; // what it stands for is not here yet

    Value(String id, boolean lazy) {
      this.id = id;
      this.lazy = lazy;
      held.incrementAndGet();
    }

    /** The text, of a value that is open. */
    String text() {
      if (!open) {
        throw new IllegalStateException("use of a closed value " + values.get(id));
      }
      return String.valueOf(values.get(id));
    }

    @Override
    public String id() {
      return id;
    }

    @Override
    public void prepare() {
      pause.run();
      text();
      if (lazy && lost.contains(id)) {
        throw BuildException.notFound("gone: " + id);
      }
      lazy = false;
    }

    @Override
    public Value share() {
      pause.run();
      text();
      return new Value(id, lazy);
    }

    @Override
    public void close() {
      pause.run();
      text();
      open = false;
      held.decrementAndGet();
    }
  }

  Value value(String text) {
    String id = "r" + lastId.incrementAndGet();
    values.put(id, text);
    return new Value(id, false);
  }

  static String text(SharedResult result) {
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
    private boolean usesInputs = true;
    private List<CacheSource> caches = List.of();
    private volatile @Nullable Digest digest;

    Step(String name) {
      this.name = name;
      this.seed = name + "/" + lastSeed.incrementAndGet();
      this.key = name;
      this.body = (context, in) -> this.key + in;
    }

    /** What makes the definition: equal seeds, keys and inputs make equal definitions. */
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

    /** Passes on what its first input is, without looking at it. */
    Step passesOn() {
      usesInputs = false;
      return does((context, in) -> in.getFirst());
    }

    Step cachedInNothing() {
      caches = List.of();
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
    public boolean usesInputs() {
      return usesInputs;
    }

    private Digest contentOf(SharedResult result) {
      pause.run();
      return Digest.of(text(result));
    }

    @Override
    public CacheMap cacheMap(OpContext context, int index) {
      maps.computeIfAbsent(name, n -> new AtomicInteger()).incrementAndGet();
      pause.run();
      List<CacheMap.Dependency> dependencies = new ArrayList<>();
      for (int i = 0; i < inputs.size(); i++) {
        Optional<Digest> selector =
            Optional.ofNullable(selectors.get(i)).map(path -> Digest.of(path));
        Optional<CacheMap.ContentDigest> content =
            byContent.containsKey(i)
                ? Optional.of((result, c) -> contentOf(result))
                : Optional.empty();
        dependencies.add(new CacheMap.Dependency(selector, content));
      }
      String at = index == 0 ? key : laterKeys.get(index - 1);
      return new CacheMap(Digest.of(at), false, dependencies, index == laterKeys.size());
    }

    @Override
    public List<SharedResult> exec(OpContext context, List<SharedResult> arguments)
        throws Exception {
      execs.computeIfAbsent(name, n -> new AtomicInteger()).incrementAndGet();
      pause.run();
      String text = body.run(context, arguments.stream().map(Lab::text).toList());
      arguments.forEach(Lab::text); // they are open to the end
      if (!usesInputs) {
        return List.of(arguments.getFirst().share());
      }
      List<SharedResult> out = new ArrayList<>();
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
    int number = jobs.incrementAndGet();
    return solver.newJob("job" + number, "session" + number);
  }

  /** Builds in a job of its own that is closed when this returns. */
  String build(Step step) throws Exception {
    return build(step, 0);
  }

  String build(Step step, int output) throws Exception {
    Job job = job();
    try (job;
        SharedResult result = job.build(new Edge(step, output))) {
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

  /** How often the store was asked for anything. */
  int asked() {
    return asked.get();
  }

  void forgetCounts() {
    asked.set(0);
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
