package dev.buildd.daemon.build;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.key.CacheKeyId;
import dev.buildd.client.BuildExplanation;
import dev.buildd.daemon.trace.BuildSpans;
import dev.buildd.gateway.Frontend;
import dev.buildd.gateway.Result;
import dev.buildd.gateway.WorkerInfo;
import dev.buildd.llb.Definition;
import dev.buildd.session.SessionManager;
import dev.buildd.snapshot.content.LeaseManager;
import dev.buildd.solver.compatibility.CompatibilityVersion;
import dev.buildd.solver.exporter.ExportSource;
import dev.buildd.solver.exporter.Exporter;
import dev.buildd.solver.gateway.BridgeClient;
import dev.buildd.solver.gateway.ContainerSettings;
import dev.buildd.solver.gateway.FrontendException;
import dev.buildd.solver.gateway.SourceMetaResolver;
import dev.buildd.solver.graph.BuildTracing;
import dev.buildd.solver.graph.DryRunException;
import dev.buildd.solver.graph.Job;
import dev.buildd.solver.graph.Journal;
import dev.buildd.solver.graph.ProgressEvent;
import dev.buildd.solver.graph.Solver;
import dev.buildd.solver.graph.VertexProgress;
import dev.buildd.solver.llb.BuildResult;
import dev.buildd.solver.llb.Entitlements;
import dev.buildd.solver.llb.LlbBridge;
import dev.buildd.solver.llb.OpFactory;
import dev.buildd.solver.llb.ResultProxy;
import dev.buildd.solver.ops.ExecSettings;
import dev.buildd.solver.remote.CacheExportOptions;
import dev.buildd.solver.remote.CacheExports;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** Runs builds: from a request to exported results. Safe for use by many threads. */
public final class Builds implements AutoCloseable {
  private static final Duration STATUS_PATIENCE = Duration.ofSeconds(6);
  private static final int KEPT_SECONDS = 10; // late watchers may still come
  private static final Duration STOP_PATIENCE = Duration.ofSeconds(15);

  /** What builds are made with. */
  public record Parts(
      Solver solver,
      LeaseManager leases,
      OpFactory worker,
      ExecSettings exec,
      Supplier<WorkerInfo> workerInfo,
      SessionManager sessions,
      SourceMetaResolver sources,
      Map<String, Frontend> frontends,
      ClientFrontends clientFrontends,
      Consumer<Collection<String>> forgetCacheMounts,
      Map<String, Exporter> exporters,
      CacheExports cacheExports,
      LlbBridge.CacheImports cacheImports,
      Set<String> entitlements,
      List<BuildObserver> observers,
      Clock clock) {

    private Parts with(Map<String, Frontend> otherFrontends, Set<String> otherEntitlements) {
      return new Parts(
          solver,
          leases,
          worker,
          exec,
          workerInfo,
          sessions,
          sources,
          otherFrontends,
          clientFrontends,
          forgetCacheMounts,
          exporters,
          cacheExports,
          cacheImports,
          otherEntitlements,
          observers,
          clock);
    }
  }

  private volatile Parts parts;
  private int running; // guarded by this
  private Optional<Runnable> whenIdle =
      Optional.empty(); // guarded by this; no build may begin then

  public Builds(Parts parts) {
    this.parts = parts;
  }

  /** What a request asks for, checked. */
  private record Wanted(
      CompatibilityVersion compatibility,
      BuildExports exports,
      CacheRequest caches,
      Entitlements entitlements) {}

  /** Runs a build to its end and returns what is told of its exports. An interrupt cancels it. */
  public Map<String, String> solve(BuildRequest request) throws Exception {
    synchronized (this) {
      if (whenIdle.isPresent()) {
        throw new BuildException(
            Category.UNAVAILABLE,
            "this daemon is stopping and takes no new builds: ask another one, or this one again"
                + " once it is back");
      }
      running++;
    }
    try {
      return run(request);
    } finally {
      ended();
    }
  }

  /** How many run at the moment. */
  public synchronized int running() {
    return running;
  }

  private void ended() {
    Optional<Runnable> idle;
    synchronized (this) {
      running--;
      notifyAll();
      idle = running == 0 ? whenIdle : Optional.empty();
    }
    idle.ifPresent(Runnable::run);
  }

  /**
   * From now on new builds are refused.
   *
   * @param idle is run once no build runs any more, at once if none does
   * @return how many run
   */
  public int drain(Runnable idle) {
    int left;
    synchronized (this) {
      whenIdle = Optional.of(idle);
      left = running;
    }
    if (left == 0) {
      idle.run();
    }
    return left;
  }

  /** What builds that begin from now on may use. */
  public synchronized void permit(Map<String, Frontend> frontends, Set<String> entitlements) {
    parts = parts.with(frontends, entitlements);
  }

  /** Waits until builds that were cancelled have given back what they held. */
  @Override
  public synchronized void close() {
    long deadline = System.nanoTime() + STOP_PATIENCE.toNanos();
    try {
      for (long left = STOP_PATIENCE.toNanos();
          running > 0 && left > 0;
          left = deadline - System.nanoTime()) {
        wait(left / 1_000_000 + 1);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private Map<String, String> run(BuildRequest request) throws Exception {
    // there before anything is checked, lest a client that watches a refused build waits for it
    Job job = parts.solver().newJob(request.ref(), request.session());
    if (request.explains()) {
      job.journal().explain();
    }
    if (request.dryRun()) {
      job.runNothing();
    }
    try (LeaseManager.Lease _ = parts.leases().open()) {
      return run(request, job, wanted(request));
    } finally {
      Cleanup.run("close " + job, job::close);
      job.journal().close();
      Threads.timer().schedule(() -> parts.solver().discard(job), KEPT_SECONDS, TimeUnit.SECONDS);
    }
  }

  private Wanted wanted(BuildRequest request) {
    Refusals.check(request);
    if (request.definition().filter(given -> !given.isEmpty()).isPresent()
        && !request.frontend().isEmpty()) {
      throw BuildException.invalid("cannot solve with both Definition and Frontend specified");
    }
    CompatibilityVersion compatibility = CompatibilityVersion.of(request.compatibility());
    return new Wanted(
        compatibility,
        BuildExports.of(request, compatibility, parts.exporters(), parts.sessions()),
        CacheRequest.of(request.cacheExports(), request.cacheImports()),
        Entitlements.of(request.entitlements(), parts.entitlements()));
  }

  private Map<String, String> run(BuildRequest request, Job job, Wanted wanted) throws Exception {
    wanted.compatibility().keepIn(job.memo());
    if (wanted.exports().useFiles()) {
      job.useValues();
    }
    BuildObservation observation =
        BuildObservation.begin(parts.observers(), request, job, parts.clock());
    BuildTracing tracing =
        vertex ->
            BuildSpans.place(request.ref(), request.trace(), observation.begun(), vertex).header();
    tracing.keepIn(job.memo());
    try {
      Build build = new Build(request, job, wanted, observation);
      Map<String, String> response = request.dryRun() ? lookInto(build) : solve(build);
      observation.ended(response, Optional.empty());
      return response;
    } catch (Exception | Error e) {
      observation.ended(Map.of(), Optional.of(e));
      throw e;
    }
  }

  /** What a build would do, in its response; a frontend that wants a step's files ends it early. */
  private Map<String, String> lookInto(Build build) throws Exception {
    try {
      solve(build);
    } catch (Exception e) {
      if (!DryRunException.isCauseOf(e)) {
        throw e;
      }
    }
    BuildExplanation explanation =
        Explanations.of(build.job().journal().snapshot())
            .orElseGet(() -> new BuildExplanation(List.of(), 0));
    return Map.of(
        BuildExplanation.RESPONSE, Base64.getEncoder().encodeToString(explanation.toBytes()));
  }

  /** A build under way. */
  private record Build(
      BuildRequest request, Job job, Wanted wanted, BuildObservation observation) {}

  private Map<String, String> solve(Build build) throws Exception {
    BuildRequest request = build.request();
    LlbBridge bridge =
        new LlbBridge(
            build.job(),
            build.wanted().entitlements(),
            parts.worker(),
            parts.forgetCacheMounts(),
            parts.cacheImports());
    // an empty definition describes nothing; only without one does a frontend tell
    if (request.definition().isPresent() && request.frontend().isEmpty()) {
      Definition definition = request.definition().get();
      List<LlbBridge.CacheImport> imports = build.wanted().caches().imports();
      try (BuildResult result =
          definition.isEmpty()
              ? BuildResult.empty()
              : BuildResult.of(bridge.solve(definition, imports))) {
        evaluate(result);
        return finish(result, build);
      }
    }
    BridgeClient.Parts gateway =
        new BridgeClient.Parts(
            build.job(),
            bridge,
            parts.sources(),
            parts.workerInfo().get(),
            parts.frontends(),
            new ContainerSettings(
                parts.exec(),
                build.wanted().entitlements(),
                BuildTracing.find(List.of(build.job().memo()), Optional.empty())));
    // open until the end: a client that chooses exports looks at the result's files
    try (BridgeClient client = BridgeClient.open(gateway, request.attributes(), request.inputs())) {
      return request.frontend().isEmpty()
          ? solveAsClientSays(client, build)
          : solveWith(request.frontend(), gateway.frontend(request.frontend()), client, build);
    }
  }

  private Map<String, String> solveWith(
      String name, Frontend frontend, BridgeClient client, Build build) throws Exception {
    try (BuildResult result = take(FrontendException.naming(name, frontend, client), client)) {
      evaluate(result);
      return finish(result, build);
    }
  }

  private Map<String, String> solveAsClientSays(BridgeClient client, Build build) throws Exception {
    try (ClientFrontends.Opened frontend =
            parts.clientFrontends().open(build.request().ref(), client);
        BuildResult result = take(frontend.await(), client)) {
      evaluate(result);
      if (build.wanted().exports().clientChooses()) {
        for (ResultProxy one : result.all()) {
          Optional<ImmutableRef> files = one.ref();
          if (files.isPresent()) {
            frontend.show(files.get().id(), client.reference(one));
          }
        }
      }
      return finish(result, build);
    }
  }

  private static BuildResult take(Result result, BridgeClient client) {
    if (!result.attestations().isEmpty()) {
      throw Refusals.ofAttestedResult();
    }
    return client.take(result);
  }

  /** Hands out what was built. */
  private Map<String, String> finish(BuildResult result, Build build) throws Exception {
    if (build.request().dryRun()) {
      return Map.of();
    }
    BuildExports exports = build.wanted().exports();
    Exporter.InlineCache cache =
        build.wanted().caches().inline() ? inlineCache(result) : Exporter.InlineCache.NONE;
    Map<String, String> response =
        new LinkedHashMap<>(exports.run(build.job(), source(result), cache, build.observation()));
    response.putAll(exportCaches(result, build));
    result
        .metadata()
        .forEach((key, value) -> {
          if (key.startsWith("frontend.")) {
            response.put(key, new String(value, StandardCharsets.UTF_8));
          }
        });
    exports.finish(build.job(), response);
    return response;
  }

  private static void evaluate(BuildResult result) throws Exception {
    List<Callable<Boolean>> all = new ArrayList<>();
    result.all().forEach(ref -> all.add(() -> ref.ref().isPresent()));
    if (!all.isEmpty()) {
      Scope.all("evaluate", all);
    }
  }

  // --- exports ---

  private static ExportSource source(BuildResult result) throws Exception {
    Map<String, Optional<ImmutableRef>> refs = new LinkedHashMap<>();
    for (Map.Entry<String, Optional<ResultProxy>> entry : result.refs().entrySet()) {
      refs.put(entry.getKey(), files(entry.getValue()));
    }
    return new ExportSource(files(result.ref()), refs, result.metadata());
  }

  private static Optional<ImmutableRef> files(Optional<ResultProxy> ref) throws Exception {
    return ref.isPresent() ? ref.get().ref() : Optional.empty();
  }

  private Exporter.InlineCache inlineCache(BuildResult result) {
    return (files, layers) -> {
      for (ResultProxy ref : result.all()) {
        if (ref.ref().filter(own -> own.id().equals(files.id())).isPresent()) {
          return parts.cacheExports().inline(ref.key(), layers);
        }
      }
      return Optional.empty();
    };
  }

  private Map<String, String> exportCaches(BuildResult result, Build build) throws Exception {
    List<Callable<Map<String, String>>> all = new ArrayList<>();
    for (int i = 0; i < build.wanted().caches().exports().size(); i++) {
      int index = i;
      all.add(() -> exportCache(result, index, build));
    }
    Map<String, String> out = new LinkedHashMap<>();
    if (!all.isEmpty()) {
      Scope.all("export caches", all).forEach(out::putAll);
    }
    return out;
  }

  private Map<String, String> exportCache(BuildResult result, int index, Build build)
      throws Exception {
    CacheExportOptions options = build.wanted().caches().exports().get(index);
    String session = build.job().session();
    String name = options.target().name();
    VertexProgress progress = build.job().vertex(Digest.of(session + "-cache-" + index), name);
    progress.started();
    try {
      List<CacheKeyId> keys = new ArrayList<>();
      for (ResultProxy ref : result.all()) {
        keys.add(ref.key());
      }
      Map<String, String> response = parts.cacheExports().to(options, keys, session, progress);
      build.observation().exported(BuildObserver.Kind.CACHE, index, name, response);
      progress.completed(null);
      return response;
    } catch (InterruptedException e) {
      progress.completed(e);
      throw e;
    } catch (Exception e) {
      progress.completed(e);
      if (options.ignoreError()) {
        return Map.of();
      }
      throw e;
    }
  }

  // --- watching ---

  /** Receives what a build tells, some events at a time. */
  @FunctionalInterface
  public interface Watcher {
    void receive(List<ProgressEvent> events) throws InterruptedException;
  }

  /**
   * Tells all of a build's progress, from its start to its end; waits a while for a build that is
   * not there yet.
   *
   * @throws BuildException {@code NOT_FOUND} if no such build goes on
   */
  public void watch(String ref, Watcher watcher) throws InterruptedException {
    Job job = parts.solver().awaitJob(ref, STATUS_PATIENCE);
    long at = 0;
    for (Journal.Page page = job.journal().read(at);
        !page.events().isEmpty();
        page = job.journal().read(at)) {
      at = page.next();
      watcher.receive(page.events());
    }
  }
}
