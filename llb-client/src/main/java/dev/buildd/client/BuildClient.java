package dev.buildd.client;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.json.GoJson;
import dev.buildd.gateway.CacheEntry;
import dev.buildd.gateway.Frontend;
import dev.buildd.gateway.Result;
import dev.buildd.gateway.WorkerInfo;
import dev.buildd.gateway.grpc.FailureCodec;
import dev.buildd.gateway.grpc.GrpcGateway;
import dev.buildd.gateway.grpc.WorkerMessages;
import dev.buildd.llb.Definition;
import dev.buildd.proto.collector.CollectorGrpc;
import dev.buildd.proto.collector.PlannedUsage;
import dev.buildd.proto.content.ContentGrpc;
import dev.buildd.proto.content.ReadContentRequest;
import dev.buildd.proto.content.ReadContentResponse;
import dev.buildd.proto.control.BuildHistoryEvent;
import dev.buildd.proto.control.BuildHistoryRequest;
import dev.buildd.proto.control.CacheOptions;
import dev.buildd.proto.control.CacheOptionsEntry;
import dev.buildd.proto.control.ControlGrpc;
import dev.buildd.proto.control.DiskUsageRequest;
import dev.buildd.proto.control.Exporter;
import dev.buildd.proto.control.InfoRequest;
import dev.buildd.proto.control.ListWorkersRequest;
import dev.buildd.proto.control.PruneRequest;
import dev.buildd.proto.control.SolveRequest;
import dev.buildd.proto.control.SolveResponse;
import dev.buildd.proto.control.StatusRequest;
import dev.buildd.proto.control.StatusResponse;
import dev.buildd.proto.control.UpdateBuildHistoryRequest;
import dev.buildd.proto.control.UsageRecord;
import dev.buildd.proto.otlp.collector.ExportTraceServiceRequest;
import dev.buildd.proto.otlp.collector.TraceServiceGrpc;
import dev.buildd.proto.pb.Op;
import dev.buildd.session.Attachable;
import dev.buildd.session.ClientSession;
import dev.buildd.session.exporter.ExporterProvider;
import dev.buildd.session.filesync.FileSendTarget;
import dev.buildd.session.filesync.FileSyncProvider;
import dev.buildd.session.rpc.Calls;
import dev.buildd.session.rpc.MessageStream;
import dev.buildd.trace.Span;
import dev.buildd.trace.TraceContext;
import dev.buildd.trace.otlp.OtlpMessages;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A connection to a daemon, this project's or BuildKit's. Every method is cancelled by an
 * interrupt.
 */
public final class BuildClient implements AutoCloseable {
  private static final String OWN_PACKAGE = "dev.buildd";
  private static final Duration QUIET = Duration.ofSeconds(5);

  private static final Metadata.Key<String> TRACE =
      Metadata.Key.of(TraceContext.HEADER, Metadata.ASCII_STRING_MARSHALLER);

  private final ManagedChannel channel;

  private BuildClient(ManagedChannel channel) {
    this.channel = channel;
  }

  /** Connects; fails if the daemon does not answer in time. */
  public static BuildClient connect(ConnectOptions options)
      throws IOException, InterruptedException {
    Connections.Opened opened = Connections.open(options);
    try {
      Connections.awaitReady(opened, options);
      return new BuildClient(opened.channel());
    } catch (Throwable e) {
      opened.channel().shutdownNow();
      throw e;
    }
  }

  /** What came out of a build: the exporters' answers. */
  public record Outcome(SortedMap<String, String> exporterResponse) {
    /** What a dry run found. */
    public Optional<BuildExplanation> explanation() {
      return Optional.ofNullable(exporterResponse.get(BuildExplanation.RESPONSE))
          .map(text -> BuildExplanation.of(Base64.getDecoder().decode(text)));
    }
  }

  /** What to remove of a daemon's cache. */
  public record PruneOptions(
      List<String> filters,
      boolean all,
      Duration keepDuration,
      long reservedSpace,
      long maxUsedSpace,
      long minFreeSpace) {}

  /** Builds a definition, or with the frontend that the options name. */
  public Outcome solve(
      Optional<Definition> definition, SolveOptions options, Consumer<SolveStatus> progress)
      throws InterruptedException, IOException {
    if (definition.isPresent() == !options.frontend().isEmpty()) {
      throw BuildException.invalid(
          definition.isPresent()
              ? "invalid definition for frontend " + options.frontend()
              : "invalid empty definition");
    }
    return run(definition, Optional.empty(), options, progress);
  }

  /** Builds what a frontend that runs here says. */
  public Outcome build(Frontend frontend, SolveOptions options, Consumer<SolveStatus> progress)
      throws InterruptedException, IOException {
    return run(Optional.empty(), Optional.of(frontend), options, progress);
  }

  /** Of others the request for a dry run would be one for a build. */
  private void checkDryRun() throws InterruptedException {
    String daemon = info().pkg();
    if (!daemon.equals(OWN_PACKAGE)) {
      throw new BuildException(
          Category.UNIMPLEMENTED,
          "this daemon (" + daemon + ") knows no dry runs; nothing was sent to it");
    }
  }

  private Outcome run(
      Optional<Definition> definition,
      Optional<Frontend> frontend,
      SolveOptions options,
      Consumer<SolveStatus> listener)
      throws InterruptedException, IOException {
    if (options.dryRun()) {
      checkDryRun();
    }
    Consumer<SolveStatus> progress = oneByOne(listener);
    String ref = options.ref().orElseGet(ClientSession::newId);
    LocalStores stores = LocalStores.of(options);
    List<Attachable> attachables = new ArrayList<>(attachables(definition, options));
    stores.provider().ifPresent(attachables::add);
    addResultTargets(attachables, ref, options);
    attachables.replaceAll(
        one -> one.reportingTo(line -> progress.accept(SolveStatus.ofDone(line))));
    Map<String, String> attrs = new TreeMap<>(options.frontendAttrs());
    if (!stores.imports().isEmpty() && (frontend.isPresent() || !options.frontend().isEmpty())) {
      attrs.put("cache-imports", cacheImports(stores.imports()));
    }
    StatusFeed feed = new StatusFeed(ref, progress);
    try {
      ClientSession session =
          ClientSession.open(
              channel, ClientSession.newId(), options.sharedKey(), attachables, headers(options));
      SolveResponse response;
      try (session;
          MessageStream<SolveRequest, SolveResponse> call =
              MessageStream.call(channel, ControlGrpc.getSolveMethod(), headers(options))) {
        session.whenEnded(() -> {
          if (session.failure().isPresent()) {
            call.cancel();
          }
        });
        SolveRequest request =
            request(
                ref,
                session.id(),
                definition,
                frontend.isPresent(),
                options.withCaches(options.cacheExports(), stores.imports()),
                attrs);
        response = solve(call, request, ref, session, frontend, attrs);
      }
      stores.finish(response.getExporterResponseMap());
      return new Outcome(new TreeMap<>(response.getExporterResponseMap()));
    } finally {
      feed.finish();
    }
  }

  private static Metadata headers(SolveOptions options) {
    Metadata headers = new Metadata();
    options.trace().ifPresent(trace -> headers.put(TRACE, trace.header()));
    return headers;
  }

  /**
   * Hands over spans of this process, which the daemon passes on to where its own go.
   *
   * @param resource what is said of this process
   * @param patience how long it may take
   */
  public void exportSpans(Map<String, String> resource, List<Span> spans, Duration patience)
      throws InterruptedException {
    try {
      Calls.unary(
          channel,
          TraceServiceGrpc.getExportMethod(),
          new Metadata(),
          ExportTraceServiceRequest.newBuilder()
              .addResourceSpans(OtlpMessages.of(resource, spans))
              .build(),
          CallOptions.DEFAULT.withDeadlineAfter(patience.toMillis(), TimeUnit.MILLISECONDS));
    } catch (StatusRuntimeException e) {
      throw FailureCodec.of("failed to hand over traces", e);
    }
  }

  /** Not only the daemon has news. */
  private static Consumer<SolveStatus> oneByOne(Consumer<SolveStatus> progress) {
    Lock lock = new ReentrantLock();
    return status -> {
      lock.lock();
      try {
        progress.accept(status);
      } finally {
        lock.unlock();
      }
    };
  }

  private SolveResponse solve(
      MessageStream<SolveRequest, SolveResponse> call,
      SolveRequest request,
      String ref,
      ClientSession session,
      Optional<Frontend> frontend,
      Map<String, String> attrs)
      throws InterruptedException {
    Optional<Gateway> gateway = frontend.map(f -> new Gateway(f, ref, session.id(), attrs, call));
    try {
      gateway.ifPresent(Gateway::start);
      return Calls.finish(call, request);
    } catch (StatusRuntimeException e) {
      // a failure of the frontend itself comes back through the daemon, with more detail
      if (e.getStatus().getCode() == Status.Code.CANCELLED) {
        Optional<StatusRuntimeException> lost = session.failure();
        if (lost.isPresent()) {
          throw FailureCodec.of("session", lost.get());
        }
        Optional<Exception> cause = gateway.flatMap(Gateway::failure);
        if (cause.isPresent() && cause.get() instanceof BuildException own) {
          throw own;
        }
      }
      throw FailureCodec.of("failed to solve", e);
    } finally {
      gateway.ifPresent(Gateway::stop);
    }
  }

  /** Runs a frontend here while the daemon waits for what it returns. */
  private final class Gateway {
    private final Thread thread;
    private final AtomicReference<@Nullable Exception> failure = new AtomicReference<>();

    Gateway(
        Frontend frontend,
        String ref,
        String sessionId,
        Map<String, String> attrs,
        MessageStream<SolveRequest, SolveResponse> solve) {
      thread =
          Threads.unstarted(
              "frontend of " + ref,
              () -> {
                try {
                  drive(frontend, ref, sessionId, attrs);
                } catch (InterruptedException e) {
                  failure.set(e);
                } catch (Exception e) {
                  failure.set(e);
                  giveUp(solve);
                }
              });
    }

    private void drive(Frontend frontend, String ref, String sessionId, Map<String, String> attrs)
        throws Exception {
      GrpcGateway client = GrpcGateway.connect(channel, Optional.of(ref), sessionId, "", attrs);
      Result result;
      try {
        result = frontend.build(client);
      } catch (InterruptedException e) {
        throw e;
      } catch (Exception e) {
        client.returnError(e);
        throw e;
      }
      client.returnResult(result);
    }

    /** The daemon's answer, which says more, is waited for a while. */
    private static void giveUp(MessageStream<SolveRequest, SolveResponse> solve) {
      try {
        Thread.sleep(QUIET);
        solve.cancel();
      } catch (InterruptedException e) {
        // the daemon has answered
      }
    }

    void start() {
      thread.start();
    }

    Optional<Exception> failure() {
      return Optional.ofNullable(failure.get());
    }

    void stop() {
      thread.interrupt();
    }
  }

  /** Reads a build's progress, to its end or until nothing comes any more. */
  private final class StatusFeed {
    private final MessageStream<StatusRequest, StatusResponse> call;
    private final CountDownLatch ended = new CountDownLatch(1);
    private final AtomicLong lastNews = new AtomicLong(System.nanoTime());

    StatusFeed(String ref, Consumer<SolveStatus> progress) {
      call = MessageStream.call(channel, ControlGrpc.getStatusMethod(), new Metadata());
      Threads.start(
          "status of " + ref,
          () -> {
            try {
              call.write(StatusRequest.newBuilder().setRef(ref).build());
              call.halfClose();
              for (StatusResponse r = call.read(); r != null; r = call.read()) {
                lastNews.set(System.nanoTime());
                progress.accept(SolveStatus.of(r));
              }
            } catch (InterruptedException | StatusRuntimeException e) {
              // the build itself tells what is wrong
            } finally {
              ended.countDown();
            }
          });
    }

    void finish() {
      boolean interrupted = false;
      lastNews.set(System.nanoTime());
      while (true) {
        long left = QUIET.toNanos() - (System.nanoTime() - lastNews.get());
        try {
          if (left <= 0 || ended.await(left, TimeUnit.NANOSECONDS)) {
            break;
          }
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      call.close();
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private static List<Attachable> attachables(
      Optional<Definition> definition, SolveOptions options) {
    List<Attachable> out = new ArrayList<>();
    Map<String, Path> directories = new LinkedHashMap<>();
    if (definition.isEmpty()) {
      directories.putAll(options.localDirs());
    } else {
      for (String name : localNames(definition.get())) {
        Path directory = options.localDirs().get(name);
        if (directory == null) {
          throw BuildException.invalid("local directory " + name + " not enabled");
        }
        directories.put(name, directory);
      }
    }
    directories.forEach((name, path) -> {
      if (!Files.isDirectory(path)) {
        throw BuildException.invalid(
            Files.exists(path) ? path + " not a directory" : "could not find " + path);
      }
    });
    if (!directories.isEmpty()) {
      out.add(FileSyncProvider.ofDirectories(directories));
    }
    out.addAll(options.attachables());
    return out;
  }

  private void addResultTargets(List<Attachable> to, String ref, SolveOptions options) {
    Map<Integer, FileSendTarget.Target> targets = new HashMap<>();
    for (int i = 0; i < options.exports().size(); i++) {
      int at = i;
      options.exports().get(i).target().ifPresent(target -> targets.put(at, target));
    }
    Optional<ExportChooser> chooser = options.exportChooser();
    if (targets.isEmpty() && chooser.isEmpty()) {
      return;
    }
    FileSendTarget results = new FileSendTarget(targets);
    to.add(results);
    if (chooser.isPresent()) {
      to.add(
          new ExporterProvider(
              new LateExports(
                  chooser.get(),
                  options.exports().size(),
                  results,
                  id -> GrpcGateway.reference(channel, ref, id))));
    }
  }

  private static List<String> localNames(Definition definition) {
    List<String> names = new ArrayList<>();
    for (ByteString bytes : definition.ops()) {
      try {
        Op op = Op.parseFrom(bytes);
        String identifier = op.getSource().getIdentifier();
        if (identifier.startsWith("local://")) {
          names.add(identifier.substring("local://".length()));
        }
      } catch (InvalidProtocolBufferException e) {
        throw new BuildException(Category.INVALID_ARGUMENT, "failed to parse llb proto op", e);
      }
    }
    return names;
  }

  private static String cacheImports(List<CacheEntry> entries) {
    StringBuilder out = new StringBuilder("[");
    for (CacheEntry entry : entries) {
      out.append(out.length() > 1 ? "," : "").append("{\"Type\":");
      GoJson.quote(out, entry.type()).append(",\"Attrs\":{");
      boolean first = true;
      for (Map.Entry<String, String> attr : new TreeMap<>(entry.attrs()).entrySet()) {
        out.append(first ? "" : ",");
        GoJson.quote(out, attr.getKey()).append(':');
        GoJson.quote(out, attr.getValue());
        first = false;
      }
      out.append("}}");
    }
    return out.append(']').toString();
  }

  private static SolveRequest request(
      String ref,
      String sessionId,
      Optional<Definition> definition,
      boolean gateway,
      SolveOptions options,
      Map<String, String> attrs) {
    SolveRequest.Builder out =
        SolveRequest.newBuilder()
            .setRef(ref)
            .setSession(sessionId)
            .putAllFrontendAttrs(attrs)
            .addAllEntitlements(options.entitlements())
            .setEnableSessionExporter(options.exportChooser().isPresent())
            .setCompatibilityVersion(options.compatibilityVersion())
            .setInternal(options.internal())
            .setDryRun(options.dryRun());
    definition.ifPresent(d -> out.setDefinition(d.toProto()));
    if (!gateway) {
      out.setFrontend(options.frontend());
    }
    options.frontendInputs().forEach((name, d) -> out.putFrontendInputs(name, d.toProto()));
    options.sourcePolicy().ifPresent(out::setSourcePolicy);
    for (SolveOptions.Export export : options.exports()) {
      out.addExporters(Exporter.newBuilder().setType(export.type()).putAllAttrs(export.attrs()));
    }
    if (!options.exports().isEmpty()) {
      // for daemons that know of one exporter only
      out.setExporterDeprecated(options.exports().getFirst().type())
          .putAllExporterAttrsDeprecated(options.exports().getFirst().attrs());
    }
    CacheOptions.Builder cache = CacheOptions.newBuilder();
    options.cacheExports().forEach(entry -> cache.addExports(toProto(entry)));
    options.cacheImports().forEach(entry -> cache.addImports(toProto(entry)));
    return out.setCache(cache).build();
  }

  private static CacheOptionsEntry toProto(CacheEntry entry) {
    return CacheOptionsEntry.newBuilder().setType(entry.type()).putAllAttrs(entry.attrs()).build();
  }

  /**
   * @param filters as containerd writes them; all must match
   */
  public List<UsageInfo> diskUsage(List<String> filters) throws InterruptedException {
    try {
      return Calls.unary(
              channel,
              ControlGrpc.getDiskUsageMethod(),
              DiskUsageRequest.newBuilder().addAllFilter(filters).build())
          .getRecordList()
          .stream()
          .map(UsageInfo::of)
          .toList();
    } catch (StatusRuntimeException e) {
      throw FailureCodec.of("failed to call diskusage", e);
    }
  }

  public List<WorkerInfo> workers(List<String> filters) throws InterruptedException {
    try {
      return Calls.unary(
              channel,
              ControlGrpc.getListWorkersMethod(),
              ListWorkersRequest.newBuilder().addAllFilter(filters).build())
          .getRecordList()
          .stream()
          .map(WorkerMessages::of)
          .toList();
    } catch (StatusRuntimeException e) {
      throw FailureCodec.of("failed to list workers", e);
    }
  }

  public WorkerInfo.BuildkitVersion info() throws InterruptedException {
    try {
      return WorkerMessages.of(
          Calls.unary(channel, ControlGrpc.getInfoMethod(), InfoRequest.getDefaultInstance())
              .getBuildkitVersion());
    } catch (StatusRuntimeException e) {
      throw FailureCodec.of("failed to call info", e);
    }
  }

  /** Removes cache; each removed record is told of. */
  public void prune(PruneOptions options, Consumer<UsageInfo> removed) throws InterruptedException {
    try (MessageStream<PruneRequest, UsageRecord> call =
        MessageStream.call(channel, ControlGrpc.getPruneMethod(), new Metadata())) {
      call.write(message(options));
      call.halfClose();
      for (UsageRecord r = call.read(); r != null; r = call.read()) {
        removed.accept(UsageInfo.of(r));
      }
    } catch (StatusRuntimeException e) {
      throw FailureCodec.of("failed to call prune", e);
    }
  }

  private static PruneRequest message(PruneOptions options) {
    return PruneRequest.newBuilder()
        .addAllFilter(options.filters())
        .setAll(options.all())
        .setKeepDuration(options.keepDuration().toNanos())
        .setReservedSpace(options.reservedSpace())
        .setMaxUsedSpace(options.maxUsedSpace())
        .setMinFreeSpace(options.minFreeSpace())
        .build();
  }

  /**
   * Tells what {@link #prune} would remove, in that order, then what it would keep and why. Removes
   * nothing.
   *
   * @param told is given each record, and why it is kept; an empty text if it would go
   * @throws BuildException {@code UNIMPLEMENTED} if the daemon is BuildKit's or an older buildd,
   *     which cannot tell
   */
  public void planPrune(PruneOptions options, BiConsumer<UsageInfo, String> told)
      throws InterruptedException {
    try (MessageStream<PruneRequest, PlannedUsage> call =
        MessageStream.call(channel, CollectorGrpc.getPlanPruneMethod(), new Metadata())) {
      call.write(message(options));
      call.halfClose();
      for (PlannedUsage r = call.read(); r != null; r = call.read()) {
        told.accept(UsageInfo.of(r.getRecord()), r.getKept());
      }
    } catch (StatusRuntimeException e) {
      if (e.getStatus().getCode() == Status.Code.UNIMPLEMENTED) {
        throw new BuildException(
            Category.UNIMPLEMENTED,
            "this daemon cannot tell what a prune would remove; nothing was removed",
            e);
      }
      throw FailureCodec.of("failed to call planprune", e);
    }
  }

  /** The progress of a build that runs or ran. */
  public void status(String ref, Consumer<SolveStatus> progress) throws InterruptedException {
    try (MessageStream<StatusRequest, StatusResponse> call =
        MessageStream.call(channel, ControlGrpc.getStatusMethod(), new Metadata())) {
      call.write(StatusRequest.newBuilder().setRef(ref).build());
      call.halfClose();
      for (StatusResponse r = call.read(); r != null; r = call.read()) {
        progress.accept(SolveStatus.of(r));
      }
    } catch (StatusRuntimeException e) {
      throw FailureCodec.of("failed to get status", e);
    }
  }

  /** Builds that run or ran; ends with those known now if {@code follow} is false. */
  public void history(BuildHistoryRequest request, Consumer<BuildHistoryEvent> events)
      throws InterruptedException {
    try (MessageStream<BuildHistoryRequest, BuildHistoryEvent> call =
        MessageStream.call(channel, ControlGrpc.getListenBuildHistoryMethod(), new Metadata())) {
      call.write(request);
      call.halfClose();
      for (BuildHistoryEvent e = call.read(); e != null; e = call.read()) {
        events.accept(e);
      }
    } catch (StatusRuntimeException e) {
      throw FailureCodec.of("failed to list build history", e);
    }
  }

  /** Forgets, pins or finishes a build of the history. */
  public void updateHistory(UpdateBuildHistoryRequest request) throws InterruptedException {
    try {
      Calls.unary(channel, ControlGrpc.getUpdateBuildHistoryMethod(), request);
    } catch (StatusRuntimeException e) {
      throw FailureCodec.of("failed to update build history", e);
    }
  }

  /**
   * A blob of the daemon's, such as a build's log.
   *
   * @throws BuildException {@code NOT_FOUND} if there is none of that digest
   */
  public void readBlob(Digest digest, OutputStream out) throws IOException, InterruptedException {
    try (MessageStream<ReadContentRequest, ReadContentResponse> call =
        MessageStream.call(channel, ContentGrpc.getReadMethod(), new Metadata())) {
      call.write(ReadContentRequest.newBuilder().setDigest(digest.toString()).build());
      call.halfClose();
      for (ReadContentResponse r = call.read(); r != null; r = call.read()) {
        r.getData().writeTo(out);
      }
    } catch (StatusRuntimeException e) {
      throw FailureCodec.of("failed to read blob", e);
    }
  }

  /** The connection, for services that this class does not know. */
  public ManagedChannel channel() {
    return channel;
  }

  @Override
  public void close() {
    channel.shutdownNow();
  }
}
