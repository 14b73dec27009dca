package dev.buildd.daemon;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.PrivateDirectory;
import dev.buildd.base.linux.Stat;
import dev.buildd.base.text.GoBool;
import dev.buildd.base.text.Ids;
import dev.buildd.cache.CacheManager;
import dev.buildd.cache.LayerBlobs;
import dev.buildd.cache.key.CacheDigest;
import dev.buildd.cache.key.CacheStore;
import dev.buildd.cache.key.DigestNotes;
import dev.buildd.cache.key.DurableCacheStore;
import dev.buildd.daemon.build.BuildLog;
import dev.buildd.daemon.build.BuildObserver;
import dev.buildd.daemon.build.Builds;
import dev.buildd.daemon.gc.Collector;
import dev.buildd.daemon.history.History;
import dev.buildd.daemon.history.ReceivedSpans;
import dev.buildd.daemon.metrics.BuildMetrics;
import dev.buildd.daemon.metrics.CallMetrics;
import dev.buildd.daemon.metrics.Metrics;
import dev.buildd.daemon.metrics.ProcessMetrics;
import dev.buildd.daemon.otlp.MetricsExporter;
import dev.buildd.daemon.otlp.SpanExporter;
import dev.buildd.daemon.rpc.CallBook;
import dev.buildd.daemon.rpc.CallCounter;
import dev.buildd.daemon.rpc.CallSpans;
import dev.buildd.daemon.rpc.CollectorService;
import dev.buildd.daemon.rpc.Connections;
import dev.buildd.daemon.rpc.ContentService;
import dev.buildd.daemon.rpc.ControlService;
import dev.buildd.daemon.rpc.GatewayService;
import dev.buildd.daemon.rpc.Gateways;
import dev.buildd.daemon.rpc.Reflection;
import dev.buildd.daemon.rpc.Services;
import dev.buildd.daemon.rpc.StdioFrontends;
import dev.buildd.daemon.rpc.TraceService;
import dev.buildd.frontend.dockerfile.DockerfileFrontend;
import dev.buildd.gateway.Frontend;
import dev.buildd.gateway.WorkerInfo;
import dev.buildd.registry.RegistryClient;
import dev.buildd.registry.RegistrySettings;
import dev.buildd.session.SessionManager;
import dev.buildd.session.rpc.EventLoops;
import dev.buildd.snapshot.Mount;
import dev.buildd.snapshot.content.ContentStore;
import dev.buildd.snapshot.content.LeaseManager;
import dev.buildd.snapshot.store.MetadataStore;
import dev.buildd.snapshot.store.Table;
import dev.buildd.solver.executor.ProcessSpec;
import dev.buildd.solver.explain.Explainer;
import dev.buildd.solver.exporter.Exporter;
import dev.buildd.solver.exporter.LocalExporter;
import dev.buildd.solver.exporter.TarExporter;
import dev.buildd.solver.exporter.image.ArchiveExporter;
import dev.buildd.solver.exporter.image.ImageExporter;
import dev.buildd.solver.exporter.image.ImageWriter;
import dev.buildd.solver.gateway.ContainerFrontend;
import dev.buildd.solver.gateway.SourceMetaResolver;
import dev.buildd.solver.graph.Solver;
import dev.buildd.solver.ops.CacheMounts;
import dev.buildd.solver.ops.ExecSettings;
import dev.buildd.solver.remote.CacheExports;
import dev.buildd.solver.remote.CacheImporter;
import dev.buildd.solver.source.git.GitSource;
import dev.buildd.solver.source.http.HttpSource;
import dev.buildd.solver.source.image.BlobSource;
import dev.buildd.solver.source.image.ImageResolver;
import dev.buildd.solver.source.image.ImageSource;
import dev.buildd.solver.source.image.LayerPuller;
import dev.buildd.solver.source.local.LocalSource;
import dev.buildd.solver.worker.MachinePlatforms;
import dev.buildd.solver.worker.ResultCache;
import dev.buildd.solver.worker.Worker;
import dev.buildd.solver.worker.WorkerBackend;
import dev.buildd.trace.otlp.OtlpSettings;
import dev.buildd.worker.runc.CgroupRoot;
import dev.buildd.worker.runc.RuncBackend;
import dev.buildd.worker.runc.RuncSettings;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.protobuf.services.HealthStatusManager;
import io.netty.channel.EventLoopGroup;
import io.netty.util.concurrent.EventExecutor;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.IntSupplier;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All parts of a daemon put together: the only class that knows every implementation. Closing it
 * cancels what runs and gives everything back.
 */
final class Daemon implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Daemon.class);
  private static final String LABEL = "org.mobyproject.buildkit.worker.";
  private static final int LOOPS = 2;
  private static final Duration LAST_WORDS = Duration.ofMillis(500);

  /**
   * What a daemon does beside its own.
   *
   * @param frontends that run in the daemon, by the names by which requests ask for them
   * @param observers are told how builds go
   */
  record Extensions(Map<String, Frontend> frontends, List<BuildObserver> observers) {
    static final Extensions NONE = new Extensions(Map.of(), List.of());

    Extensions {
      frontends = Map.copyOf(frontends);
      observers = List.copyOf(observers);
    }
  }

  private final Deque<AutoCloseable> parts = new ArrayDeque<>();
  private final Extensions extensions;
  private final HealthStatusManager health = new HealthStatusManager();
  private final List<Listener> listeners = new ArrayList<>();
  private final BuilddConfig started;
  private BuilddConfig config; // guarded by this

  private @Nullable Live live;

  /** The parts that are spoken to while the daemon serves. */
  private record Live(
      Builds builds,
      History history,
      RegistryClient registries,
      MetadataStore store,
      EventLoopGroup loops,
      Optional<ServerTls> tls) {}

  private Daemon(BuilddConfig config, Extensions extensions) {
    this.started = config;
    this.config = config;
    this.extensions = extensions;
  }

  /**
   * Starts a daemon; it serves when this returns.
   *
   * @throws BuildException if the root is in use, a program is missing, or an address cannot be
   *     listened at
   */
  static Daemon start(BuilddConfig config) throws Exception {
    return start(config, Extensions.NONE);
  }

  /** As {@link #start(BuilddConfig)}, with more than the daemon has of its own. */
  static Daemon start(BuilddConfig config, Extensions extensions) throws Exception {
    Daemon daemon = new Daemon(config, extensions);
    try {
      daemon.live = daemon.assemble(config);
      return daemon;
    } catch (Exception | Error e) {
      daemon.close();
      throw e;
    }
  }

  private <T extends AutoCloseable> T part(T part) {
    parts.push(part);
    return part;
  }

  private Live live() {
    Live parts = live;
    if (parts == null) {
      throw new IllegalStateException("not started");
    }
    return parts;
  }

  private Live assemble(BuilddConfig config) throws Exception {
    Path root = PrivateDirectory.makeRoot(config.root(), RootLock.NAME);
    part(RootLock.acquire(root));
    if (!config.worker().enabled()) {
      throw new BuildException(
          Category.FAILED_PRECONDITION, "no worker found, rebuild the buildkit daemon?");
    }
    Clock clock = Clock.systemUTC();
    for (String name : List.of("cache", "history", "platforms")) {
      PrivateDirectory.make(root.resolve(name));
    }
    prepareCgroups();
    Optional<OtlpSettings> traces =
        OtlpSettings.of(OtlpSettings.Signal.TRACES, System.getenv(), "buildd");
    OtlpSettings.unheeded(System.getenv()).ifPresent(text -> log.warn("no traces: {}", text));
    RuncSettings runc =
        runc(config, root.resolve("executor"), traces.map(_ -> config.traceSocketPath()));
    Path scratch = emptied(root.resolve("scratch"));
    MetadataStore store = part(MetadataStore.open(root.resolve("metadata")));
    WorkerBackend backend =
        part(RuncBackend.open(root, store, config.worker().snapshotter(), runc, scratch));
    CacheManager cache =
        part(
            CacheManager.open(
                root.resolve("cache"), store, backend.snapshotter(), backend.differ(), clock));
    Optional<DigestNotes> digests = digests(config, root);
    EventLoopGroup loops = EventLoops.create("grpc-io", LOOPS);
    part(loops::shutdownGracefully);
    Optional<SpanExporter> spans = traces.map(to -> part(SpanExporter.open(to, loops)));
    ReceivedSpans received = new ReceivedSpans(clock, spans.isPresent());
    Optional<CallSpans> callSpans =
        spans.map(exporter ->
            new CallSpans(span -> {
              exporter.offer(span);
              received.offer(span);
            }));
    SessionManager sessions =
        part(
            new SessionManager(
                loops, headers -> callSpans.flatMap(watching -> watching.within(headers))));
    CacheMounts cacheMounts = new CacheMounts(cache);
    ExecSettings exec =
        new ExecSettings(
            cache,
            cacheMounts,
            sessions,
            backend.executor(),
            scratch,
            "1".equals(System.getenv("BUILDKIT_DEBUG_EXEC_OUTPUT")));
    ContentStore content = backend.content();
    LeaseManager leases = backend.leases();
    RegistryClient registries = new RegistryClient(RegistryHosts.settings(config));
    ImageResolver resolver = new ImageResolver(registries, content);
    LayerBlobs layerBlobs = new LayerBlobs(cache, content, leases);
    LayerPuller layerPuller =
        new LayerPuller(cache, content, leases, backend.applier(), layerBlobs, registries);
    ImageSource images = new ImageSource(cache, layerPuller, registries, resolver);
    GitSource git = new GitSource(cache);
    HttpSource http = new HttpSource(cache);
    Worker worker =
        new Worker(
            workerId(root),
            labels(config, backend),
            MachinePlatforms.open(
                root.resolve("platforms"),
                config.worker().platforms().stream().map(Platform::parse).toList(),
                config.system().platformsCacheMaxAge()),
            exec,
            List.of(new LocalSource(cache), images, new BlobSource(cache, registries), git, http));
    CacheStore keys = new DurableCacheStore("local", store, clock);
    ResultCache results = new ResultCache(keys, cache, layerPuller, sessions);
    Explainer explainer = new Explainer(store, clock);
    cache.onRemoval(explainer::removed);
    long disk = root.toFile().getTotalSpace();
    Collector collector =
        part(
            new Collector(
                new Collector.Parts(
                    cache,
                    backend.snapshotter(),
                    content,
                    leases,
                    blob -> images.needs(blob) || layerBlobs.needs(blob),
                    Stream.of("metadata", "history", "platforms").map(root::resolve).toList()),
                config.worker().gc().rules(disk),
                Collector.Timing.DEFAULT,
                disk));
    Solver solver =
        new Solver(
            results, clock, config.worker().maxParallelism(), explainer, collector::makeRoom);
    History history =
        part(new History(store, root.resolve("history"), clock, limits(config), received));
    Map<String, Exporter> exporters = new HashMap<>();
    ImageWriter imageWriter = new ImageWriter(layerBlobs, content, leases);
    for (Exporter exporter :
        List.of(
            new LocalExporter(),
            new TarExporter(),
            new ImageExporter(imageWriter, registries),
            ArchiveExporter.oci(imageWriter),
            ArchiveExporter.docker(imageWriter))) {
      exporters.put(exporter.type(), exporter);
    }
    Supplier<WorkerInfo> workerInfo = () -> info(worker, collector.rules());
    Gateways gateways = new Gateways();
    BuildMetrics buildMetrics = new BuildMetrics();
    List<BuildObserver> observers =
        new ArrayList<>(List.of(history, collector.observer(), buildMetrics, new BuildLog()));
    spans.ifPresent(observers::add);
    observers.addAll(extensions.observers());
    Builds builds =
        part(
            new Builds(
                new Builds.Parts(
                    solver,
                    leases,
                    worker,
                    exec,
                    workerInfo,
                    sessions,
                    new SourceMetaResolver(images, git, http, sessions),
                    frontends(config, extensions),
                    gateways,
                    cacheMounts::forget,
                    exporters,
                    new CacheExports(
                        keys,
                        cache,
                        layerBlobs,
                        content,
                        leases,
                        registries,
                        sessions,
                        layerPuller),
                    new CacheImporter(registries, layerPuller, sessions),
                    config.insecureEntitlements(),
                    observers,
                    clock)));
    ControlService control =
        new ControlService(
            builds, gateways, sessions, cache, collector, worker, history, clock, workerInfo);
    SequencedMap<String, IntSupplier> counts = new LinkedHashMap<>();
    counts.put("leases", () -> cache.holds() + leases.holds());
    counts.put("sessions", sessions::count);
    counts.put("jobs", solver::jobCount);
    counts.put("vertices", solver::activeCount);
    Optional<ServerTls> tls = ServerTls.open(config.grpc().tls());
    tls.ifPresent(this::part);
    CallMetrics calls = new CallMetrics();
    CallBook callBook = new CallBook();
    PartMetrics partMetrics =
        new PartMetrics(
            new PartMetrics.Parts(builds, solver, cache, content, collector, store, sessions));
    List<Metrics> metrics =
        new ArrayList<>(List.of(buildMetrics, partMetrics, calls, new ProcessMetrics()));
    spans.ifPresent(metrics::add);
    Optional<OtlpSettings> figures =
        OtlpSettings.of(OtlpSettings.Signal.METRICS, System.getenv(), "buildd");
    if (figures.isPresent()) {
      Duration every = OtlpSettings.metricsInterval(System.getenv());
      part(MetricsExporter.open(figures.get(), every, metrics, loops));
    }
    DebugPages.Parts pages =
        new DebugPages.Parts(
            counts, metrics, cache, collector, digests, keys, callBook::page, Logging::recent);
    ServerServiceDefinition traceService =
        new TraceService(
                others -> {
                  received.offer(others);
                  spans.ifPresent(exporter -> exporter.offer(others));
                })
            .definition();
    if (spans.isPresent()) {
      part(TraceSocket.open(config.traceSocketPath(), config.grpc(), loops, traceService));
    }
    serve(
        config,
        loops,
        tls,
        new CallCounter(calls, callBook),
        callSpans,
        pages,
        ServerInterceptors.intercept(
            control.definition(), Services.timestamp(clock), Connections.interceptor()),
        ServerInterceptors.intercept(
            new GatewayService(gateways).definition(), Connections.interceptor()),
        new CollectorService(collector).definition(),
        traceService,
        new ContentService(content, history).definition());
    collector.start(() -> solver.activeCount() > 0);
    return new Live(builds, history, registries, store, loops, tls);
  }

  private static Map<String, Frontend> frontends(BuilddConfig config, Extensions extensions) {
    Map<String, Frontend> out = new HashMap<>();
    out.put(
        ContainerFrontend.NAME,
        new ContainerFrontend(
            new StdioFrontends(), config.frontend(ContainerFrontend.NAME).allowedRepositories()));
    out.put(DockerfileFrontend.NAME, new DockerfileFrontend());
    out.putAll(extensions.frontends());
    out.keySet().removeIf(name -> !config.frontend(name).enabled());
    return out;
  }

  private void serve(
      BuilddConfig config,
      EventLoopGroup loops,
      Optional<ServerTls> tls,
      CallCounter counter,
      Optional<CallSpans> callSpans,
      DebugPages.Parts pages,
      ServerServiceDefinition... ours)
      throws Exception {
    List<ServerServiceDefinition> services = new ArrayList<>();
    List<ServerInterceptor> watching = new ArrayList<>(List.of(counter));
    callSpans.ifPresent(watching::add);
    for (ServerServiceDefinition service : ours) {
      services.add(ServerInterceptors.intercept(service, watching));
      health.setStatus(service.getServiceDescriptor().getName(), ServingStatus.SERVING);
    }
    services.add(health.getHealthService().bindService());
    services.addAll(Reflection.services());
    Listener.Setup setup =
        new Listener.Setup(
            config.grpc(),
            tls,
            PassedSockets.of(System.getenv(), ProcessHandle.current().pid()),
            loops,
            services);
    for (String address : config.grpc().addresses()) {
      for (Listener listener : Listener.open(address, setup)) {
        listeners.add(part(listener));
      }
      log.info("running server on {}", address);
    }
    Optional<String> debug = config.grpc().debugAddress();
    if (debug.isPresent()) {
      part(DebugServer.open(debug.get(), loops, part(new DebugPages(pages))));
      log.info("debug handlers listening at {}", debug.get());
    }
  }

  // --- the parts ---

  /** What a dead daemon left mounted there is unmounted, and nothing stays. */
  private static Path emptied(Path directory) throws IOException {
    PrivateDirectory.make(directory);
    Mount.detachAllBelow(directory);
    try (var entries = Files.newDirectoryStream(directory)) {
      for (Path entry : entries) {
        Stat stat = Linux.lstat(entry);
        if (stat.isDirectory()) {
          Linux.rmdir(entry); // only mount points are made here
        } else {
          Linux.unlink(entry);
        }
      }
    }
    return directory;
  }

  private static RuncSettings runc(
      BuilddConfig config, Path directory, Optional<Path> traceSocket) {
    BuilddConfig.OciWorker worker = config.worker();
    String path = System.getenv().getOrDefault("PATH", "");
    Path binary =
        worker.binary().startsWith("/")
            ? Path.of(worker.binary())
            : RuncSettings.findRunc(
                worker.binary().isEmpty()
                    ? List.of("buildkit-runc", "runc")
                    : List.of(worker.binary()),
                path);
    switch (worker.networkMode()) {
      case "host" -> {}
      case "auto" -> {
        if (Files.exists(Path.of(worker.cniConfigPath()))) {
          log.warn(
              "CNI networks are not supported by this daemon yet, steps use the host's network"
                  + " config={}",
              worker.cniConfigPath());
        }
      }
      case "bridge", "cni" ->
          throw new BuildException(
              Category.UNIMPLEMENTED,
              "network mode " + worker.networkMode() + " is not supported by this daemon yet");
      default ->
          throw BuildException.invalid("invalid network mode: \"" + worker.networkMode() + "\"");
    }
    BuilddConfig.Dns dns = config.dns();
    return new RuncSettings(
        directory,
        binary,
        ProcessSpec.Network.HOST,
        worker.cgroupParent(),
        worker.apparmorProfile(),
        new RuncSettings.Dns(dns.nameservers(), dns.options(), dns.searchDomains()),
        traceSocket);
  }

  /** Steps run without it too, if not within limits, so that it not being possible is no error. */
  private static void prepareCgroups() {
    String variable = "BUILDKIT_SETUP_CGROUPV2_ROOT";
    if (GoBool.isTrue(System.getenv().getOrDefault(variable, ""))) {
      try {
        CgroupRoot.prepare();
      } catch (IOException | BuildException e) {
        log.warn("cgroups are not set up as {} asks cause=\"{}\"", variable, e.getMessage());
      }
    }
  }

  private Optional<DigestNotes> digests(BuilddConfig config, Path root) {
    if (!config.saveCacheDebug()) {
      return Optional.empty();
    }
    DigestNotes notes = part(DigestNotes.open(root.resolve("cache-debug")));
    CacheDigest.noteIn(notes);
    part(() -> CacheDigest.noteIn(null)); // before they are closed
    return Optional.of(notes);
  }

  private static String workerId(Path root) throws IOException {
    Path file = root.resolve("workerid");
    if (Files.exists(file)) {
      return Files.readString(file).strip();
    }
    String id = Ids.random();
    Path partial = root.resolve("workerid.new");
    Files.writeString(partial, id, StandardCharsets.UTF_8);
    Files.move(partial, file, StandardCopyOption.ATOMIC_MOVE);
    return id;
  }

  private static Map<String, String> labels(BuilddConfig config, WorkerBackend backend)
      throws IOException {
    Map<String, String> labels = new HashMap<>();
    labels.put(LABEL + "executor", backend.name());
    labels.put(LABEL + "snapshotter", backend.snapshotter().name());
    labels.put(LABEL + "hostname", hostname());
    labels.put(LABEL + "network", "host");
    labels.put(LABEL + "oci.process-mode", "sandbox");
    labels.put(LABEL + "selinux.enabled", "false");
    if (!config.worker().apparmorProfile().isEmpty()) {
      labels.put(LABEL + "apparmor.profile", config.worker().apparmorProfile());
    }
    labels.putAll(config.worker().labels());
    return labels;
  }

  private static WorkerInfo info(Worker worker, List<WorkerInfo.GcPolicy> rules) {
    return new WorkerInfo(
        worker.id(),
        new TreeMap<>(worker.labels()),
        List.copyOf(worker.platforms().known()),
        rules,
        new WorkerInfo.BuildkitVersion("dev.buildd", Version.BUILDKIT, Version.REVISION, ""),
        List.of());
  }

  private static String hostname() {
    try {
      return Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
    } catch (IOException e) {
      return InetAddress.getLoopbackAddress().getHostName();
    }
  }

  // --- while it serves ---

  /** How it is set up now. */
  synchronized BuilddConfig config() {
    return config;
  }

  /**
   * Takes no new builds from now on, and says so to whoever asks whether it is ready.
   *
   * @param idle is run once no build runs any more, at once if none does
   * @return how many run
   */
  int drain(Runnable idle) {
    health.enterTerminalState();
    return live().builds().drain(idle);
  }

  /** Takes no new calls, and gives those that have their answer a while to pass it on. */
  void finishCalls() throws InterruptedException {
    listeners.forEach(Listener::shutdown);
    long deadline = System.nanoTime() + LAST_WORDS.toNanos();
    for (Listener listener : listeners) {
      listener.awaitEnd(deadline - System.nanoTime());
    }
  }

  /**
   * Uses other settings from now on, as far as that is possible while it serves.
   *
   * @return the settings that differ and stay as they are until the daemon is started anew
   * @throws BuildException if they cannot be used; then all stays as it was
   */
  synchronized List<String> use(BuilddConfig next) {
    Live parts = live();
    Map<String, Frontend> frontends = frontends(next, extensions);
    RegistrySettings registries = RegistryHosts.settings(next);
    boolean switchesTls = parts.tls().isPresent() != ServerTls.isAskedFor(next.grpc().tls());
    if (!switchesTls) {
      parts.tls().ifPresent(tls -> tls.use(next.grpc().tls()));
    }
    parts.registries().use(registries);
    parts.builds().permit(frontends, next.insecureEntitlements());
    parts.history().keep(limits(next));
    List<String> later = new ArrayList<>();
    BuilddConfig.Grpc grpc = started.grpc();
    noteChange(later, "root", started.root(), next.root());
    noteChange(later, "grpc.address", grpc.addresses(), next.grpc().addresses());
    noteChange(later, "grpc.debugAddress", grpc.debugAddress(), next.grpc().debugAddress());
    noteChange(later, "grpc.uid", grpc.uid(), next.grpc().uid());
    noteChange(later, "grpc.gid", grpc.gid(), next.grpc().gid());
    if (switchesTls) {
      later.add("grpc.tls");
    }
    noteChange(later, "worker.oci", started.worker(), next.worker());
    noteChange(later, "otel", started.traceSocket(), next.traceSocket());
    noteChange(later, "dns", started.dns(), next.dns());
    noteChange(later, "system", started.system(), next.system());
    config = next;
    return later;
  }

  private static void noteChange(List<String> later, String name, Object now, Object next) {
    if (!now.equals(next)) {
      later.add(name);
    }
  }

  private static History.Limits limits(BuilddConfig config) {
    return new History.Limits(
        config.history().maxEntries(), Duration.ofSeconds(config.history().maxAgeSeconds()));
  }

  /**
   * Whether it can still answer: its event loops turn and its store can be read.
   *
   * @param patience how long that may take
   */
  boolean isWell(Duration patience) throws InterruptedException {
    Live parts = live();
    CountDownLatch answers = new CountDownLatch(LOOPS + 1);
    for (EventExecutor loop : parts.loops()) {
      loop.execute(answers::countDown);
    }
    Thread reader =
        Threads.start(
            "check of the store",
            () -> {
              parts.store().get(Table.HISTORY, "none");
              answers.countDown();
            });
    boolean well = answers.await(patience.toNanos(), TimeUnit.NANOSECONDS);
    reader.interrupt();
    return well;
  }

  @Override
  public void close() {
    while (!parts.isEmpty()) {
      AutoCloseable last = parts.pop();
      Cleanup.run("stop", last::close);
    }
  }
}
