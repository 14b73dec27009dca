package dev.buildd.daemon;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.key.CacheKeyId;
import dev.buildd.proto.control.SolveRequest;
import dev.buildd.proto.control.StatusResponse;
import dev.buildd.proto.types.WorkerRecord;
import dev.buildd.session.SessionManager;
import dev.buildd.solver.exporter.ExportSource;
import dev.buildd.solver.exporter.Exporter;
import dev.buildd.solver.graph.Job;
import dev.buildd.solver.graph.ProgressEvent;
import dev.buildd.solver.graph.Solver;
import dev.buildd.solver.graph.VertexProgress;
import dev.buildd.solver.llb.BuildResult;
import dev.buildd.solver.llb.Entitlements;
import dev.buildd.solver.llb.LazyRef;
import dev.buildd.solver.llb.LlbBridge;
import dev.buildd.solver.llb.OpFactory;
import dev.buildd.solver.remote.CacheExportOptions;
import dev.buildd.solver.remote.CacheExports;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
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
final class Builds implements AutoCloseable {
  private static final Duration STATUS_PATIENCE = Duration.ofSeconds(6);
  private static final Duration GATEWAY_PATIENCE = Duration.ofSeconds(3);
  private static final int KEPT_SECONDS = 10; // late watchers may still come
  private static final Duration STOP_PATIENCE = Duration.ofSeconds(15);

  /** What builds are made with. */
  record Parts(
      Solver solver,
      OpFactory worker,
      Supplier<WorkerRecord> workerRecord,
      SessionManager sessions,
      MetaResolver sources,
      Consumer<Collection<String>> forgetCacheMounts,
      Map<String, Exporter> exporters,
      CacheExports cacheExports,
      LlbBridge.CacheImports cacheImports,
      Set<String> entitlements,
      History history,
      Clock clock) {}

  private final Parts parts;
  private final Map<String, BuildGateway> gateways = new HashMap<>(); // guarded by this
  private int running; // guarded by this

  Builds(Parts parts) {
    this.parts = parts;
  }

  /** One export that a request asks for. */
  private record Export(Exporter.Instance instance, int index) {}

  /**
   * Runs a build to its end and returns what is told of its exports. An interrupt cancels it.
   *
   * @param request with today's fields only
   */
  Map<String, String> solve(SolveRequest request) throws Exception {
    synchronized (this) {
      running++;
    }
    try {
      return run(request);
    } finally {
      synchronized (this) {
        running--;
        notifyAll();
      }
    }
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

  private Map<String, String> run(SolveRequest request) throws Exception {
    if (request.getDefinition().getDefCount() > 0 && !request.getFrontend().isEmpty()) {
      throw BuildException.invalid("cannot solve with both Definition and Frontend specified");
    }
    List<Export> exports = exports(request);
    Entitlements entitlements =
        Entitlements.of(request.getEntitlementsList(), parts.entitlements());
    CacheRequest caches = CacheRequest.of(request.getCache());
    Job job = parts.solver().newJob(request.getRef(), request.getSession());
    History.Recording recording =
        request.getInternal()
            ? History.Recording.none()
            : parts.history().begin(request, parts.clock().instant());
    try {
      List<String> results = new ArrayList<>();
      Map<String, String> response = solve(request, job, entitlements, exports, caches, results);
      recording.complete(job.journal().snapshot(), response, results, Optional.empty());
      return response;
    } catch (Exception e) {
      recording.complete(
          job.journal().snapshot(), Map.of(), List.of(), Optional.of(WireErrors.statusOf(e)));
      throw e;
    } finally {
      Cleanup.run("close " + job, job::close);
      job.journal().close();
      Threads.timer().schedule(() -> parts.solver().discard(job), KEPT_SECONDS, TimeUnit.SECONDS);
    }
  }

  private Map<String, String> solve(
      SolveRequest request,
      Job job,
      Entitlements entitlements,
      List<Export> exports,
      CacheRequest caches,
      List<String> results)
      throws Exception {
    LlbBridge bridge =
        new LlbBridge(
            job, entitlements, parts.worker(), parts.forgetCacheMounts(), parts.cacheImports());
    try (BuildResult result = result(request, job, caches.imports(), bridge)) {
      evaluate(result);
      Optional<String> platforms =
          Optional.ofNullable(request.getFrontendAttrsMap().get("platform"));
      Map<String, String> response =
          export(result, job, exports, caches.inline(), platforms, results);
      response.putAll(exportCaches(result, job, caches));
      result
          .metadata()
          .forEach((key, value) -> {
            if (key.startsWith("frontend.")) {
              response.put(key, new String(value, StandardCharsets.UTF_8));
            }
          });
      return response;
    }
  }

  private BuildResult result(
      SolveRequest request, Job job, List<LlbBridge.CacheImport> cacheImports, LlbBridge bridge)
      throws Exception {
    if (!request.getFrontend().isEmpty()) {
      throw BuildException.invalid("invalid frontend: " + request.getFrontend());
    }
    // an empty definition describes nothing; only without one does the client's gateway tell
    if (request.hasDefinition()) {
      return request.getDefinition().getDefCount() == 0
          ? BuildResult.empty()
          : BuildResult.of(bridge.solve(request.getDefinition(), cacheImports));
    }
    try (BuildGateway gateway =
        new BuildGateway(
            job,
            bridge,
            parts.workerRecord().get(),
            parts.sources(),
            request.getFrontendInputsMap())) {
      synchronized (this) {
        gateways.put(request.getRef(), gateway);
        notifyAll();
      }
      try {
        return gateway.await();
      } finally {
        synchronized (this) {
          gateways.remove(request.getRef(), gateway);
        }
      }
    }
  }

  /** The gateway of a build, for which it waits a while: calls come in any order. */
  synchronized BuildGateway gateway(String buildId) throws InterruptedException {
    if (buildId.isEmpty()) {
      throw BuildException.invalid("no buildid found in context");
    }
    long deadline = System.nanoTime() + GATEWAY_PATIENCE.toNanos();
    while (true) {
      BuildGateway found = gateways.get(buildId);
      if (found != null) {
        return found;
      }
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        throw BuildException.notFound("no such job " + buildId);
      }
      wait(left / 1_000_000 + 1);
    }
  }

  private static void evaluate(BuildResult result) throws Exception {
    List<Callable<Boolean>> all = new ArrayList<>();
    result.ref().ifPresent(ref -> all.add(() -> ref.ref().isPresent()));
    result
        .refs()
        .values()
        .forEach(one -> one.ifPresent(ref -> all.add(() -> ref.ref().isPresent())));
    if (!all.isEmpty()) {
      Scope.all("evaluate", all);
    }
  }

  // --- exports ---

  private List<Export> exports(SolveRequest request) {
    List<Export> out = new ArrayList<>();
    for (dev.buildd.proto.control.Exporter wanted : request.getExportersList()) {
      Exporter exporter = parts.exporters().get(wanted.getType());
      if (exporter == null) {
        throw BuildException.notFound("exporter \"" + wanted.getType() + "\" could not be found");
      }
      Map<String, String> attributes = new LinkedHashMap<>(wanted.getAttrsMap());
      String epoch = request.getFrontendAttrsMap().get("build-arg:SOURCE_DATE_EPOCH");
      if (epoch != null && epoch.matches("-?[0-9]*")) { // else it is for the frontend to resolve
        attributes.putIfAbsent("source-date-epoch", epoch);
      }
      out.add(new Export(exporter.resolve(out.size(), attributes), out.size()));
    }
    return out;
  }

  private Map<String, String> export(
      BuildResult result,
      Job job,
      List<Export> exports,
      boolean inline,
      Optional<String> platforms,
      List<String> results)
      throws Exception {
    Map<String, String> response = new LinkedHashMap<>();
    Optional<ImmutableRef> ref =
        result.ref().isPresent() ? result.ref().get().ref() : Optional.empty();
    Map<String, Optional<ImmutableRef>> refs = new LinkedHashMap<>();
    for (Map.Entry<String, Optional<LazyRef>> entry : result.refs().entrySet()) {
      refs.put(
          entry.getKey(),
          entry.getValue().isPresent() ? entry.getValue().get().ref() : Optional.empty());
    }
    ExportSource source = new ExportSource(ref, refs, result.metadata());
    List<String> warnings = PlatformCheck.warnings(platforms, source);
    if (exports.isEmpty()) {
      if (!warnings.isEmpty()) {
        VertexProgress progress = job.vertex(Digest.of(Ids.random()), "Verifying build result");
        progress.started();
        warn(progress, warnings);
        progress.completed(null);
      }
      return response;
    }
    Exporter.InlineCache cache = inline ? inlineCache(result) : Exporter.InlineCache.NONE;
    List<Callable<Map<String, String>>> all = new ArrayList<>();
    for (Export export : exports) {
      all.add(() -> export(export, source, job, export.index() == 0 ? warnings : List.of(), cache));
    }
    for (Map<String, String> one : Scope.all("export", all)) {
      response.putAll(one);
      Optional.ofNullable(one.get("containerimage.descriptor")).ifPresent(results::add);
    }
    return response;
  }

  private static List<LazyRef> refs(BuildResult result) {
    List<LazyRef> out = new ArrayList<>();
    result.ref().ifPresent(out::add);
    result.refs().values().forEach(one -> one.ifPresent(out::add));
    return out;
  }

  private Exporter.InlineCache inlineCache(BuildResult result) {
    return (files, layers) -> {
      for (LazyRef ref : refs(result)) {
        if (ref.ref().filter(own -> own.id().equals(files.id())).isPresent()) {
          return parts.cacheExports().inline(ref.key(), layers);
        }
      }
      return Optional.empty();
    };
  }

  private Map<String, String> exportCaches(BuildResult result, Job job, CacheRequest caches)
      throws Exception {
    List<Callable<Map<String, String>>> all = new ArrayList<>();
    for (int i = 0; i < caches.exports().size(); i++) {
      CacheExportOptions options = caches.exports().get(i);
      String id = job.session() + "-cache-" + i;
      all.add(() -> exportCache(result, job, options, id));
    }
    Map<String, String> out = new LinkedHashMap<>();
    if (!all.isEmpty()) {
      Scope.all("export caches", all).forEach(out::putAll);
    }
    return out;
  }

  private Map<String, String> exportCache(
      BuildResult result, Job job, CacheExportOptions options, String id) throws Exception {
    VertexProgress progress = job.vertex(Digest.of(id), options.target().name());
    progress.started();
    try {
      List<CacheKeyId> keys = new ArrayList<>();
      for (LazyRef ref : refs(result)) {
        keys.add(ref.key());
      }
      Map<String, String> told = parts.cacheExports().to(options, keys, job.session(), progress);
      progress.completed(null);
      return told;
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

  private static void warn(VertexProgress progress, List<String> warnings) {
    for (String warning : warnings) {
      progress.warn(
          1, warning.getBytes(StandardCharsets.UTF_8), List.of(), "", Optional.empty(), List.of());
    }
  }

  private Map<String, String> export(
      Export export,
      ExportSource source,
      Job job,
      List<String> warnings,
      Exporter.InlineCache cache)
      throws Exception {
    VertexProgress progress =
        job.vertex(
            Digest.of(job.session() + "-export-" + export.index()), export.instance().name());
    progress.started();
    warn(progress, warnings);
    try {
      Map<String, String> told =
          export
              .instance()
              .export(
                  source, new Exporter.Context(parts.sessions(), job.session(), progress, cache));
      progress.completed(null);
      return told;
    } catch (Exception e) {
      progress.completed(e);
      throw e;
    }
  }

  // --- watching ---

  /** Receives the messages of a status stream. */
  @FunctionalInterface
  interface Watcher {
    void tell(StatusResponse message) throws InterruptedException;
  }

  /** Tells all of a build's progress, from its start to its end. */
  void watch(String ref, Watcher watcher) throws Exception {
    Optional<List<StatusResponse>> recorded = parts.history().progress(ref);
    if (recorded.isPresent()) {
      for (StatusResponse message : recorded.get()) {
        watcher.tell(message);
      }
      return;
    }
    Job job = parts.solver().awaitJob(ref, STATUS_PATIENCE);
    ProgressMessages messages = new ProgressMessages();
    int at = 0;
    while (true) {
      List<ProgressEvent> events = job.journal().read(at);
      if (events.isEmpty()) {
        break;
      }
      at += events.size();
      for (StatusResponse message : messages.of(events)) {
        watcher.tell(message);
      }
    }
    Optional<StatusResponse> encore = messages.encore(parts.clock().instant());
    if (encore.isPresent()) {
      watcher.tell(encore.get());
    }
  }
}
