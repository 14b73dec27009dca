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
import dev.buildd.daemon.history.HistoryBlobs.Blob;
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
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
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
  private static final String LOG_TYPE = "application/vnd.buildkit.status.v0";
  private static final String ERROR_TYPE =
      "application/vnd.googeapis.google.rpc.status+proto"; // misspelt like that

  private static final int EXPIRY_MINUTES = 60;

  /** The failure of a build whose daemon died. */
  static final String INTERRUPTED = "interrupted: the daemon ended while the build was running";

  /** How many records are kept, and for how long; pinned ones always. */
  public record Limits(int entries, Duration age) {
    public static final Limits DEFAULT = new Limits(50, Duration.ofDays(2));
  }

  private final MetadataStore store;
  private final HistoryBlobs blobs;
  private final Clock clock;
  private final ScheduledFuture<?> expiry;
  private volatile Limits limits;
  private final Map<String, BuildHistoryRecord> active = new LinkedHashMap<>(); // guarded by this
  private final Map<String, BuildHistoryRecord> ended = new LinkedHashMap<>(); // guarded by this
  private final List<BuildHistoryRecord> ending = new ArrayList<>(); // guarded by this
  private final Set<BlockingQueue<BuildHistoryEvent>> listeners =
      new LinkedHashSet<>(); // guarded by this

  public History(MetadataStore store, Path directory, Clock clock, Limits limits)
      throws IOException {
    this.store = store;
    this.clock = clock;
    this.limits = limits;
    this.blobs = new HistoryBlobs(directory.resolve("blobs/sha256"));
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
  }

  /** The record of a build that went on when its daemon died. When that was nobody knows. */
  private BuildHistoryRecord interrupted(BuildHistoryRecord started) {
    log.info("a build was interrupted by the end of its daemon ref={}", started.getRef());
    return started.toBuilder()
        .setCompletedAt(ProgressMessages.timestamp(clock.instant()))
        .setGeneration(started.getGeneration() + 1)
        .setError(
            Status.newBuilder()
                .setCode(io.grpc.Status.Code.ABORTED.value())
                .setMessage(INTERRUPTED))
        .build();
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
    return new Recording(started, at);
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
  private final class Recording implements Watch {
    private final BuildHistoryRecord started;
    private final Instant begun;
    private final SortedMap<Integer, String> images = new TreeMap<>(); // in the exports' order

    Recording(BuildHistoryRecord started, Instant begun) {
      this.started = started;
      this.begun = begun;
    }

    @Override
    public void exported(Export export) {
      String image = export.response().get("containerimage.descriptor");
      if (export.kind() == Kind.RESULT && image != null) {
        images.put(export.index(), image);
      }
    }

    @Override
    public void ended(Ending end) {
      Cleanup.run(
          "record build " + started.getRef(),
          () ->
              complete(
                  started,
                  begun,
                  end,
                  end.failure().isPresent() ? List.of() : List.copyOf(images.values())));
    }
  }

  private void complete(BuildHistoryRecord started, Instant begun, Ending end, List<String> images)
      throws IOException {
    List<Blob> belongings = new ArrayList<>();
    Blob logs = new Blob(LOG_TYPE, logs(end));
    belongings.add(logs);
    BuildHistoryRecord.Builder out =
        started.toBuilder()
            .setCompletedAt(ProgressMessages.timestamp(end.at()))
            .putAllExporterResponse(end.response())
            .setGeneration(started.getGeneration() + 1)
            .setLogs(logs.descriptor());
    if (end.failure().isPresent()) {
      Status failure = redacted(WireErrors.tracedStatusOf(end.failure().get()));
      Blob error = new Blob(ERROR_TYPE, failure.toByteArray());
      belongings.add(error);
      out.setError(failure.toBuilder().clearDetails()).setExternalError(error.descriptor());
    }
    Blob trace =
        new Blob(
            BuildTrace.TYPE,
            BuildTrace.of(
                started.getRef(), begun, end.at(), end.progress(), out.getError().getMessage()));
    belongings.add(trace);
    out.setTrace(trace.descriptor());
    Optional<BuildExplanation> explanation = Explanations.of(end.progress());
    if (explanation.isPresent()) {
      Blob blob = new Blob(BuildExplanation.TYPE, explanation.get().toBytes());
      belongings.add(blob);
      out.setExplanation(blob.descriptor());
    }
    if (end.failure().isEmpty()) {
      BuildResultInfo.Builder made = out.getResultBuilder(); // there even if nothing stands in it
      for (String image : images) {
        made.putResults(made.getResultsCount(), descriptor(image));
      }
      if (!images.isEmpty()) {
        made.setResultDeprecated(descriptor(images.getFirst()));
      }
    }
    count(end.progress(), out);
    BuildHistoryRecord record = out.build();
    synchronized (this) {
      ending.add(record); // from now on nobody deletes what it shares with others
    }
    for (Blob blob : belongings) {
      blobs.save(blob);
    }
    synchronized (this) {
      ending.remove(record);
      active.remove(record.getRef());
      ended.put(record.getRef(), record);
      store.batch().put(TABLE, record.getRef(), record.toByteArray()).commitLater();
      publish(BuildHistoryEventType.COMPLETE, record);
      expire();
    }
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

  private static void count(List<ProgressEvent> events, BuildHistoryRecord.Builder out) {
    Set<Digest> total = new HashSet<>();
    Set<Digest> completed = new HashSet<>();
    Set<Digest> cached = new HashSet<>();
    int warnings = 0;
    for (ProgressEvent event : events) {
      switch (event) {
        case ProgressEvent.VertexState state -> {
          total.add(state.vertex());
          if (state.completed().isPresent()) {
            completed.add(state.vertex());
          }
          if (state.cached()) {
            cached.add(state.vertex());
          }
        }
        case ProgressEvent.Warning warning -> warnings++;
        default -> {}
      }
    }
    out.setNumTotalSteps(total.size())
        .setNumCompletedSteps(completed.size())
        .setNumCachedSteps(cached.size())
        .setNumWarnings(warnings);
  }

  private static byte[] logs(Ending end) {
    ByteArrayOutputStream log = new ByteArrayOutputStream();
    ProgressMessages messages = new ProgressMessages();
    List<StatusResponse> all = new ArrayList<>(messages.of(end.progress()));
    messages.cancellations(end.at()).ifPresent(all::add);
    for (StatusResponse message : all) {
      byte[] bytes = message.toByteArray();
      log.writeBytes(
          ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(bytes.length).array());
      log.writeBytes(bytes);
    }
    return log.toByteArray();
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
    Set<String> unused = HistoryBlobs.of(record);
    Stream.concat(ended.values().stream(), ending.stream())
        .forEach(other -> unused.removeAll(HistoryBlobs.of(other)));
    unused.forEach(blobs::delete);
    publish(BuildHistoryEventType.DELETED, record);
  }

  /** A blob of a record, if it is one of history's. */
  public Optional<Path> blob(Digest digest) {
    return blobs.find(digest);
  }

  /** The recorded progress of a build that has ended; none of one that was interrupted. */
  public Optional<List<StatusResponse>> progress(String ref) throws IOException {
    BuildHistoryRecord record;
    synchronized (this) {
      record = ended.get(ref);
    }
    if (record == null) {
      return Optional.empty();
    }
    if (!record.hasLogs()) {
      return Optional.of(List.of());
    }
    ByteBuffer log = ByteBuffer.wrap(blobs.read(record.getLogs())).order(ByteOrder.LITTLE_ENDIAN);
    List<StatusResponse> out = new ArrayList<>();
    while (log.hasRemaining()) {
      byte[] message = new byte[log.getInt()];
      log.get(message);
      out.add(StatusResponse.parseFrom(message));
    }
    return Optional.of(out);
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

  /** Deletes or pins a record. */
  public synchronized void update(UpdateBuildHistoryRequest request) {
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
      return; // logs are complete once the build is
    }
    BuildHistoryRecord changed = record.toBuilder().setPinned(request.getPinned()).build();
    ended.put(changed.getRef(), changed);
    store.batch().put(TABLE, changed.getRef(), changed.toByteArray()).commitLater();
    publish(BuildHistoryEventType.COMPLETE, changed);
  }
}
