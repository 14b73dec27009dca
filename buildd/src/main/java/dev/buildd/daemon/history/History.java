package dev.buildd.daemon.history;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.Status;
import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.json.Json;
import dev.buildd.client.BuildExplanation;
import dev.buildd.daemon.build.BuildObserver;
import dev.buildd.daemon.build.BuildRequest;
import dev.buildd.daemon.build.Explanations;
import dev.buildd.daemon.build.StepCounts;
import dev.buildd.daemon.history.HistoryBlobs.Blob;
import dev.buildd.daemon.trace.BuildSpans;
import dev.buildd.daemon.wire.ProgressMessages;
import dev.buildd.daemon.wire.WireErrors;
import dev.buildd.proto.control.BuildHistoryEvent;
import dev.buildd.proto.control.BuildHistoryEventType;
import dev.buildd.proto.control.BuildHistoryRecord;
import dev.buildd.proto.control.BuildHistoryRequest;
import dev.buildd.proto.control.BuildResultInfo;
import dev.buildd.proto.control.Descriptor;
import dev.buildd.proto.control.Exporter;
import dev.buildd.proto.control.StatusResponse;
import dev.buildd.proto.control.UpdateBuildHistoryRequest;
import dev.buildd.snapshot.store.MetadataStore;
import dev.buildd.snapshot.store.Table;
import dev.buildd.solver.graph.ProgressEvent;
import dev.buildd.solver.source.RedactedUrl;
import dev.buildd.trace.TraceContext;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Builds that run and that have run, with their progress (wire.md section 16).
 *
 * <p>Safe for use by many threads.
 */
public final class History implements BuildObserver, AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(History.class);
  private static final Table TABLE = Table.HISTORY;
  private static final String ERROR_TYPE =
      "application/vnd.googeapis.google.rpc.status+proto"; // misspelt like that

  private static final int EXPIRY_MINUTES = 60;
  private static final int LATE_SECONDS = 3; // as long as BuildKit waits for clients' spans
  private static final int READING_SECONDS = 60;

  /** The failure of a build whose daemon died. */
  static final String INTERRUPTED = "interrupted: the daemon ended while the build was running";

  /** How many records are kept, and for how long; pinned ones always. */
  public record Limits(int entries, Duration age) {
    public static final Limits DEFAULT = new Limits(50, Duration.ofDays(2));
  }

  private final MetadataStore store;
  private final HistoryBlobs blobs;
  private final Path running; // logs of builds that go on
  private final Clock clock;
  private final ScheduledFuture<?> expiry;
  private volatile Limits limits;
  private final ReceivedSpans received;
  private final Map<String, LateTrace> late = new HashMap<>(); // by ref; guarded by this
  private final Map<String, BuildHistoryRecord> active = new LinkedHashMap<>(); // guarded by this
  private final Map<String, BuildHistoryRecord> ended = new LinkedHashMap<>(); // guarded by this
  private final List<BuildHistoryRecord> ending = new ArrayList<>(); // guarded by this
  private final Set<BlockingQueue<BuildHistoryEvent>> listeners =
      new LinkedHashSet<>(); // guarded by this

  /**
   * Opens it.
   *
   * @param received what others tell of builds' traces
   */
  public History(
      MetadataStore store, Path directory, Clock clock, Limits limits, ReceivedSpans received)
      throws IOException {
    this.received = received;
    this.store = store;
    this.clock = clock;
    this.limits = limits;
    this.blobs = new HistoryBlobs(directory.resolve("blobs/sha256"));
    this.running = Files.createDirectories(directory.resolve("running"));
    Set<String> wanted = new HashSet<>();
    store.forEach(
        TABLE,
        (ref, row) -> {
          try {
            BuildHistoryRecord record = BuildHistoryRecord.parseFrom(row);
            if (!record.hasCompletedAt()) {
              record = interrupted(record);
              store.batch().put(TABLE, ref, record.toByteArray()).commitLater();
            }
            ended.put(record.getRef(), record);
            wanted.addAll(HistoryBlobs.of(record));
          } catch (InvalidProtocolBufferException e) {
            log.warn("history record is damaged, dropped ref={}", ref, e);
            store.batch().delete(TABLE, ref).commitLater();
          }
        });
    blobs.keepOnly(wanted);
    try (DirectoryStream<Path> left = Files.newDirectoryStream(running)) {
      for (Path file : left) {
        Files.delete(file);
      }
    }
    synchronized (this) {
      expire();
    }
    expiry =
        Threads.timer()
            .scheduleWithFixedDelay(
                () -> Cleanup.run("forget old builds", this::expireNow),
                EXPIRY_MINUTES,
                EXPIRY_MINUTES,
                TimeUnit.MINUTES);
  }

  private synchronized void expireNow() {
    expire();
  }

  @Override
  public void close() {
    expiry.cancel(false);
    List<String> waiting;
    synchronized (this) {
      waiting = List.copyOf(late.keySet());
    }
    waiting.forEach(this::finish);
  }

  /** The record of a build that went on when its daemon died. When that was nobody knows. */
  private BuildHistoryRecord interrupted(BuildHistoryRecord started) {
    log.info("a build was interrupted by the end of its daemon ref={}", started.getRef());
    BuildHistoryRecord.Builder out =
        started.toBuilder()
            .setCompletedAt(ProgressMessages.timestamp(clock.instant()))
            .setGeneration(started.getGeneration() + 1)
            .setError(
                Status.newBuilder()
                    .setCode(io.grpc.Status.Code.ABORTED.value())
                    .setMessage(INTERRUPTED));
    Path cut = running(started.getRef());
    if (Files.exists(cut)) {
      Cleanup.run("mend the log of " + started.getRef(), () -> mendLog(cut, out));
    }
    return out.build();
  }

  private void mendLog(Path cut, BuildHistoryRecord.Builder record)
      throws IOException, InterruptedException {
    Path whole = cut.resolveSibling(cut.getFileName() + ".mended");
    Files.deleteIfExists(whole);
    HistoryLog.Mended mended = HistoryLog.mend(cut, whole, INTERRUPTED, clock.instant());
    blobs.adopt(mended.descriptor(), whole);
    record.setLogs(mended.descriptor());
    count(record, mended.counts());
  }

  private static void count(BuildHistoryRecord.Builder record, StepCounts counts) {
    record
        .setNumTotalSteps(counts.total())
        .setNumCompletedSteps(counts.completed())
        .setNumCachedSteps(counts.cached())
        .setNumWarnings(counts.warnings());
  }

  /** The log of a build while it goes on; a ref may be any text. */
  private Path running(String ref) {
    return running.resolve(Digest.of(ref).hex());
  }

  /** Keeps as much from now on, and forgets what is too much. */
  public synchronized void keep(Limits other) {
    limits = other;
    expire();
  }

  @Override
  public Watch begins(BuildRequest request, Instant at) {
    if (request.internal()) {
      return Watch.NONE;
    }
    BuildHistoryRecord started =
        BuildHistoryRecord.newBuilder()
            .setRef(request.ref())
            .setFrontend(request.frontend())
            .putAllFrontendAttrs(redacted(request.attributes()))
            .addAllExporters(
                request.exports().stream()
                    .map(export ->
                        Exporter.newBuilder()
                            .setType(export.type())
                            .putAllAttrs(export.attributes())
                            .build())
                    .toList())
            .setCreatedAt(ProgressMessages.timestamp(at))
            .setGeneration(1)
            .build();
    synchronized (this) {
      active.put(started.getRef(), started);
      store.batch().put(TABLE, started.getRef(), started.toByteArray()).commitLater();
      publish(BuildHistoryEventType.STARTED, started);
    }
    return new Recording(started, request.trace(), at);
  }

  /** What the frontend was told, without passwords of addresses: records outlive them. */
  private static Map<String, String> redacted(Map<String, String> attributes) {
    Map<String, String> out = new HashMap<>();
    attributes.forEach((name, value) -> out.put(name, RedactedUrl.within(value)));
    return out;
  }

  /** A failure, the same: what it has of steps and sources is JSON. */
  private static Status redacted(Status failure) {
    Status.Builder out = failure.toBuilder().setMessage(RedactedUrl.within(failure.getMessage()));
    for (Any.Builder detail : out.getDetailsBuilderList()) {
      if (detail.getValue().isValidUtf8()) {
        detail.setValue(
            ByteString.copyFromUtf8(RedactedUrl.within(detail.getValue().toStringUtf8())));
      }
    }
    return out.build();
  }

  /** Notes how a build goes. */
  private final class Recording implements ProgressWatch {
    private final BuildHistoryRecord started;
    private final Optional<TraceContext> trace;
    private final Instant begun;
    private final ReceivedSpans.Listening others;
    private final SortedMap<Integer, String> images = new TreeMap<>(); // in the exports' order
    private @Nullable HistoryLog progress;
    private boolean unloggable;
    private List<byte[]> spans = List.of(); // the build's own, once it has ended
    private int told; // spans of others that are in the record

    Recording(BuildHistoryRecord started, Optional<TraceContext> trace, Instant begun) {
      this.started = started;
      this.trace = trace;
      this.begun = begun;
      this.others =
          received.listen(
              BuildSpans.place(started.getRef(), trace, begun, Optional.empty()).trace());
    }

    @Override
    public void exported(Export export) {
      String image = export.response().get("containerimage.descriptor");
      if (export.kind() == Kind.RESULT && image != null) {
        images.put(export.index(), image);
      }
    }

    @Override
    public void progressed(List<ProgressEvent> events) {
      if (unloggable) {
        return;
      }
      try {
        log().append(events);
      } catch (IOException e) { // a full disk, say: no reason for a build to fail
        unloggable = true;
        log.atWarn()
            .addKeyValue("build", started.getRef())
            .setCause(e)
            .log("the log of a build could not be written and is not kept");
        close();
      }
    }

    private HistoryLog log() throws IOException {
      HistoryLog there = progress;
      if (there == null) {
        there = HistoryLog.create(running(started.getRef()));
        progress = there;
      }
      return there;
    }

    @Override
    public void ended(Ending end) {
      Cleanup.run("record build " + started.getRef(), () -> complete(started, this, end));
    }

    private void close() {
      HistoryLog there = progress;
      if (there != null) {
        Cleanup.run("close the log of " + started.getRef(), there::close);
        Cleanup.run(
            "delete the log of " + started.getRef(), () -> Files.deleteIfExists(there.file()));
      }
    }

    /** Ends the log; what it is, if it could be written. */
    private Optional<Descriptor> endLog(Instant at) throws IOException {
      if (unloggable) {
        return Optional.empty();
      }
      return Optional.of(log().end(at));
    }
  }

  private void complete(BuildHistoryRecord started, Recording recording, Ending end) {
    BuildHistoryRecord.Builder out =
        started.toBuilder()
            .setCompletedAt(ProgressMessages.timestamp(end.at()))
            .putAllExporterResponse(end.response())
            .setGeneration(started.getGeneration() + 1);
    count(out, StepCounts.of(end.progress()));
    Optional<Status> failure = end.failure().map(WireErrors::tracedStatusOf).map(History::redacted);
    if (failure.isPresent()) {
      out.setError(failure.get().toBuilder().clearDetails());
    } else {
      BuildResultInfo.Builder made = out.getResultBuilder(); // there even if nothing stands in it
      for (String image : recording.images.values()) {
        Descriptor result = descriptor(image);
        if (made.getResultsCount() == 0) {
          made.setResultDeprecated(result);
        }
        made.putResults(made.getResultsCount(), result);
      }
    }
    BuildHistoryRecord record = out.build();
    try {
      record = withBelongings(record, recording, end, failure);
    } catch (IOException
        | RuntimeException e) { // a full disk, say: the build has ended all the same
      log.atWarn()
          .addKeyValue("build", started.getRef())
          .setCause(e)
          .log("log, trace and errors of a build could not be written and are not kept");
    } finally {
      recording.close();
    }
    synchronized (this) {
      ending.removeIf(other -> other.getRef().equals(started.getRef()));
      active.remove(record.getRef());
      ended.put(record.getRef(), record);
      store.batch().put(TABLE, record.getRef(), record.toByteArray()).commitLater();
      publish(BuildHistoryEventType.COMPLETE, record);
      expire();
    }
    awaitLateSpans(record.getRef(), recording);
  }

  /**
   * The trace of a build whose client may still have spans to hand over: it does so once it knows
   * that the build has ended.
   *
   * @param own lines of the build's own spans
   * @param told how many spans of others are in the record already
   */
  private record LateTrace(
      List<byte[]> own, ReceivedSpans.Listening others, int told, ScheduledFuture<?> end) {}

  private void awaitLateSpans(String ref, Recording recording) {
    ScheduledFuture<?> end =
        Threads.timer()
            .schedule(
                () -> Threads.start("trace of build " + ref, () -> finish(ref)),
                LATE_SECONDS,
                TimeUnit.SECONDS);
    LateTrace before;
    synchronized (this) {
      before = late.put(ref, new LateTrace(recording.spans, recording.others, recording.told, end));
    }
    if (before != null) { // another build had that ref
      before.end.cancel(false);
      before.others.close();
    }
  }

  /** Ends the trace of a build, if it is not complete yet: what has come since is added. */
  private void finish(String ref) {
    LateTrace trace;
    synchronized (this) {
      trace = late.remove(ref);
    }
    if (trace == null) {
      return;
    }
    trace.end.cancel(false);
    List<byte[]> lines = new ArrayList<>(trace.own);
    try (ReceivedSpans.Listening others = trace.others) {
      lines.addAll(others.lines());
    }
    if (lines.size() > trace.own.size() + trace.told) {
      Cleanup.run(
          "complete the trace of build " + ref,
          () -> retrace(ref, new Blob(BuildTrace.TYPE, BuildTrace.of(lines))));
    }
  }

  private void retrace(String ref, Blob spans) throws IOException {
    BuildHistoryRecord before;
    BuildHistoryRecord changed;
    synchronized (this) {
      before = ended.get(ref);
      if (before == null) {
        return; // deleted meanwhile
      }
      changed = before.toBuilder().setTrace(spans.descriptor()).build();
      ending.add(changed); // from now on nobody deletes what it shares with others
    }
    boolean saved = false;
    try {
      blobs.save(spans);
      saved = true;
    } finally {
      synchronized (this) {
        ending.remove(changed);
        BuildHistoryRecord now = ended.get(ref);
        if (saved && now != null) {
          BuildHistoryRecord next =
              now.toBuilder()
                  .setTrace(spans.descriptor())
                  .setGeneration(now.getGeneration() + 1)
                  .build();
          ended.put(ref, next);
          store.batch().put(TABLE, ref, next.toByteArray()).commitLater();
          publish(BuildHistoryEventType.COMPLETE, next);
        } else {
          deleteUnused(Set.of(spans.descriptor().getDigest()));
        }
      }
    }
    // later: whoever has just been told of the record may be about to read it
    Set<String> earlier = Set.of(before.getTrace().getDigest());
    Threads.timer().schedule(() -> deleteLater(earlier), READING_SECONDS, TimeUnit.SECONDS);
  }

  private void deleteLater(Set<String> digests) {
    synchronized (this) {
      deleteUnused(digests);
    }
  }

  /** Under the lock: deletes blobs that no record has. */
  private void deleteUnused(Set<String> digests) {
    Set<String> unused = new HashSet<>(digests);
    unused.remove(""); // of a record without one
    Stream.concat(ended.values().stream(), ending.stream())
        .forEach(other -> unused.removeAll(HistoryBlobs.of(other)));
    unused.forEach(blobs::delete);
  }

  /** Saves what belongs to a record. */
  private BuildHistoryRecord withBelongings(
      BuildHistoryRecord ended, Recording recording, Ending end, Optional<Status> failure)
      throws IOException {
    List<Blob> belongings = new ArrayList<>();
    BuildHistoryRecord.Builder out = ended.toBuilder();
    Optional<Descriptor> logs = recording.endLog(end.at());
    logs.ifPresent(out::setLogs);
    if (failure.isPresent()) {
      Blob error = new Blob(ERROR_TYPE, failure.get().toByteArray());
      belongings.add(error);
      out.setExternalError(error.descriptor());
    }
    recording.spans =
        BuildSpans.of(
                ended.getRef(),
                recording.trace,
                recording.trace.isPresent() && !received.ofCalls(),
                recording.begun,
                end.at(),
                end.progress(),
                out.getError().getMessage())
            .stream()
            .map(BuildTrace::line)
            .toList();
    List<byte[]> lines = new ArrayList<>(recording.spans);
    lines.addAll(recording.others.lines());
    recording.told = lines.size() - recording.spans.size();
    Blob spans = new Blob(BuildTrace.TYPE, BuildTrace.of(lines));
    belongings.add(spans);
    out.setTrace(spans.descriptor());
    Optional<BuildExplanation> explanation = Explanations.of(end.progress());
    if (explanation.isPresent()) {
      Blob blob = new Blob(BuildExplanation.TYPE, explanation.get().toBytes());
      belongings.add(blob);
      out.setExplanation(blob.descriptor());
    }
    BuildHistoryRecord record = out.build();
    synchronized (this) {
      ending.add(record); // from now on nobody deletes what it shares with others
    }
    if (logs.isPresent()) {
      blobs.adopt(logs.get(), recording.log().file());
    }
    for (Blob blob : belongings) {
      blobs.save(blob);
    }
    return record;
  }

  private static Descriptor descriptor(String encoded) {
    Map<String, Object> json = Json.parseObject(Base64.getDecoder().decode(encoded), "descriptor");
    return Descriptor.newBuilder()
        .setMediaType(Json.text(json, "mediaType"))
        .setDigest(Json.text(json, "digest"))
        .setSize(Json.number(json, "size"))
        .putAllAnnotations(Json.textMap(json, "annotations"))
        .build();
  }

  /** Under the lock. */
  private void publish(BuildHistoryEventType type, BuildHistoryRecord record) {
    BuildHistoryEvent event =
        BuildHistoryEvent.newBuilder().setType(type).setRecord(record).build();
    listeners.forEach(listener -> listener.add(event));
  }

  /** Under the lock: drops what is too old or too much. */
  private void expire() {
    Instant oldest = clock.instant().minus(limits.age);
    List<BuildHistoryRecord> byAge =
        ended.values().stream()
            .filter(record -> !record.getPinned())
            .sorted(
                Comparator.comparingLong(record ->
                    record.getCompletedAt().getSeconds() * 1_000_000_000L
                        + record.getCompletedAt().getNanos()))
            .toList();
    int excess = byAge.size() - limits.entries;
    for (int i = 0; i < byAge.size(); i++) {
      if (i < excess || byAge.get(i).getCompletedAt().getSeconds() < oldest.getEpochSecond()) {
        delete(byAge.get(i));
      }
    }
  }

  /** Under the lock. */
  private void delete(BuildHistoryRecord record) {
    ended.remove(record.getRef());
    store.batch().delete(TABLE, record.getRef()).commitLater();
    deleteUnused(HistoryBlobs.of(record));
    publish(BuildHistoryEventType.DELETED, record);
  }

  /** A blob of a record, if it is one of history's. */
  public Optional<Path> blob(Digest digest) {
    return blobs.find(digest);
  }

  /** Receives the recorded progress of a build. */
  @FunctionalInterface
  public interface Watcher {
    void receive(StatusResponse message) throws IOException, InterruptedException;
  }

  /**
   * Tells the recorded progress of a build that has ended.
   *
   * @return false if no such build is known
   */
  public boolean replay(String ref, Watcher watcher) throws IOException, InterruptedException {
    BuildHistoryRecord record;
    synchronized (this) {
      record = ended.get(ref);
    }
    if (record != null && record.hasLogs()) {
      HistoryLog.read(blobs.file(record.getLogs()), watcher::receive);
    }
    return record != null;
  }

  /** Receives events. */
  @FunctionalInterface
  public interface Listener {
    void publish(BuildHistoryEvent event) throws InterruptedException;
  }

  /** Tells what is there and, unless the request wants to end early, all that comes after. */
  public void listen(BuildHistoryRequest request, Listener listener) throws InterruptedException {
    BlockingQueue<BuildHistoryEvent> queue = new LinkedBlockingQueue<>();
    List<BuildHistoryEvent> now = new ArrayList<>();
    synchronized (this) {
      active.values().forEach(record -> now.add(event(BuildHistoryEventType.STARTED, record)));
      if (!request.getActiveOnly()) {
        List<BuildHistoryRecord> past = new ArrayList<>(ended.values());
        if (!request.getFilterList().isEmpty() || request.getLimit() != 0) {
          past =
              HistoryFilter.parse(request.getFilterList(), clock.instant())
                  .apply(past, request.getLimit());
        }
        past.forEach(record -> now.add(event(BuildHistoryEventType.COMPLETE, record)));
      }
      if (!request.getEarlyExit()) {
        listeners.add(queue);
      }
    }
    try {
      for (BuildHistoryEvent event : now) {
        if (concerns(request, event)) {
          listener.publish(event);
        }
      }
      while (!request.getEarlyExit()) {
        BuildHistoryEvent event = queue.take();
        if (concerns(request, event)) {
          listener.publish(event);
        }
      }
    } finally {
      synchronized (this) {
        listeners.remove(queue);
      }
    }
  }

  private static boolean concerns(BuildHistoryRequest request, BuildHistoryEvent event) {
    return request.getRef().isEmpty() || request.getRef().equals(event.getRecord().getRef());
  }

  private static BuildHistoryEvent event(BuildHistoryEventType type, BuildHistoryRecord record) {
    return BuildHistoryEvent.newBuilder().setType(type).setRecord(record).build();
  }

  /** Deletes or pins a record, or completes its trace. */
  public void update(UpdateBuildHistoryRequest request) {
    if (request.getFinalize()) {
      finish(request.getRef());
    }
    change(request);
  }

  private synchronized void change(UpdateBuildHistoryRequest request) {
    BuildHistoryRecord record = ended.get(request.getRef());
    if (record == null) {
      if (request.getFinalize() && active.containsKey(request.getRef())) {
        return;
      }
      throw BuildException.notFound("failed to retrieve history record " + request.getRef());
    }
    if (request.getDelete()) {
      delete(record);
      return;
    }
    if (request.getFinalize()) {
      return; // logs are complete once the build is, and its trace is now
    }
    BuildHistoryRecord changed = record.toBuilder().setPinned(request.getPinned()).build();
    ended.put(changed.getRef(), changed);
    store.batch().put(TABLE, changed.getRef(), changed.toByteArray()).commitLater();
    publish(BuildHistoryEventType.COMPLETE, changed);
  }
}
