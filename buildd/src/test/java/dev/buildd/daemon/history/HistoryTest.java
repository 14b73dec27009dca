package dev.buildd.daemon.history;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import com.google.rpc.Status;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.json.Json;
import dev.buildd.daemon.build.BuildObserver.Ending;
import dev.buildd.daemon.build.BuildObserver.ProgressWatch;
import dev.buildd.daemon.build.BuildRequest;
import dev.buildd.proto.control.BuildHistoryEvent;
import dev.buildd.proto.control.BuildHistoryRecord;
import dev.buildd.proto.control.BuildHistoryRequest;
import dev.buildd.proto.control.Descriptor;
import dev.buildd.proto.control.StatusResponse;
import dev.buildd.proto.control.UpdateBuildHistoryRequest;
import dev.buildd.proto.otlp.common.AnyValue;
import dev.buildd.proto.otlp.common.KeyValue;
import dev.buildd.proto.otlp.resource.Resource;
import dev.buildd.proto.otlp.trace.ResourceSpans;
import dev.buildd.proto.otlp.trace.ScopeSpans;
import dev.buildd.proto.otlp.trace.Span;
import dev.buildd.snapshot.store.MetadataStore;
import dev.buildd.solver.graph.KeptOutput;
import dev.buildd.solver.graph.ProgressEvent;
import dev.buildd.solver.graph.VertexException;
import dev.buildd.trace.TraceContext;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is kept of builds. */
final class HistoryTest {
  private static final Instant BEGUN = Instant.parse("2026-11-30T12:00:00Z");
  private static final Digest STEP = Digest.of("step");

  @TempDir Path directory;
  private final ReceivedSpans received =
      new ReceivedSpans(Clock.fixed(BEGUN, ZoneOffset.UTC), false);
  private MetadataStore store;
  private History history;

  @BeforeEach
  void open() throws Exception {
    store = MetadataStore.open(directory.resolve("metadata"));
    history = history();
  }

  @AfterEach
  void close() {
    history.close();
    store.close();
  }

  private History history() throws Exception {
    return history(BEGUN.plusSeconds(60));
  }

  private History history(Instant now) throws Exception {
    return new History(
        store,
        directory.resolve("history"),
        Clock.fixed(now, ZoneOffset.UTC),
        History.Limits.DEFAULT,
        received);
  }

  private static BuildRequest request(String ref, Map<String, String> attributes) {
    return request(ref, attributes, Optional.empty());
  }

  private static BuildRequest request(
      String ref, Map<String, String> attributes, Optional<TraceContext> trace) {
    return new BuildRequest(
        ref,
        "",
        Optional.empty(),
        "",
        attributes,
        Map.of(),
        List.of(),
        false,
        List.of(),
        List.of(),
        List.of(),
        0,
        false,
        false,
        BuildRequest.Policies.NONE,
        trace);
  }

  private void build(String ref, Optional<Throwable> failure, ProgressEvent... progress) {
    ProgressWatch watch = (ProgressWatch) history.begins(request(ref, Map.of()), BEGUN);
    watch.progressed(List.of(progress));
    watch.ended(new Ending(BEGUN.plusSeconds(9), List.of(progress), Map.of(), failure));
  }

  private List<StatusResponse> replayed(String ref) throws Exception {
    List<StatusResponse> out = new ArrayList<>();
    assertThat(history.replay(ref, out::add)).isTrue();
    return out;
  }

  private List<String> listed(int limit, String... filters) throws Exception {
    List<String> out = new ArrayList<>();
    history.listen(
        BuildHistoryRequest.newBuilder()
            .addAllFilter(List.of(filters))
            .setLimit(limit)
            .setEarlyExit(true)
            .build(),
        event -> out.add(event.getRecord().getRef()));
    return out;
  }

  private BuildHistoryRecord record(String ref) throws Exception {
    List<BuildHistoryEvent> out = new ArrayList<>();
    history.listen(
        BuildHistoryRequest.newBuilder().setRef(ref).setEarlyExit(true).build(), out::add);
    return out.getFirst().getRecord();
  }

  private Optional<Path> blob(Descriptor blob) {
    return history.blob(Digest.parse(blob.getDigest()));
  }

  private static ProgressEvent step(String name, int from, int to, String error) {
    return new ProgressEvent.VertexState(
        STEP,
        List.of(),
        name,
        Optional.empty(),
        Optional.of(BEGUN.plusSeconds(from)),
        Optional.of(BEGUN.plusSeconds(to)).filter(at -> to > 0),
        false,
        error);
  }

  private static ProgressEvent log(String text) {
    return new ProgressEvent.Log(
        STEP, 1, text.getBytes(StandardCharsets.UTF_8), BEGUN.plusSeconds(2), false);
  }

  @Test
  void whatWatchersWereNotToldIsInTheLog() throws Exception {
    KeptOutput file = KeptOutput.in(directory);
    byte[] clipped = "x".repeat(3_000_000).getBytes(StandardCharsets.UTF_8);
    long at = file.append(clipped, 0, clipped.length);
    build(
        "long",
        Optional.empty(),
        step("RUN make", 1, 0, ""),
        log("first "),
        new ProgressEvent.Log(STEP, 1, "[clipped]".getBytes(StandardCharsets.UTF_8), BEGUN, true),
        new ProgressEvent.Clipped(STEP, 1, file, at, clipped.length, BEGUN),
        log(" last"),
        step("RUN make", 1, 9, ""));
    StringBuilder all = new StringBuilder();
    replayed("long")
        .forEach(m -> m.getLogsList().forEach(line -> all.append(line.getMsg().toStringUtf8())));
    assertThat(all.toString()).isEqualTo("first " + "x".repeat(3_000_000) + " last");
    assertThat(blob(record("long").getLogs())).isPresent();
  }

  @Test
  void aBuildWhoseLogCannotBeWrittenIsRecordedWithoutIt() throws Exception {
    ProgressWatch watch = (ProgressWatch) history.begins(request("full", Map.of()), BEGUN);
    Path running = directory.resolve("history/running");
    Files.delete(running);
    Files.delete(directory.resolve("history/blobs/sha256")); // nothing can be written
    watch.progressed(List.of(step("RUN make", 1, 2, "")));
    watch.ended(
        new Ending(
            BEGUN.plusSeconds(9),
            List.of(step("RUN make", 1, 2, "")),
            Map.of(),
            Optional.of(BuildException.invalid("no"))));
    BuildHistoryRecord record = record("full");
    assertThat(record.hasCompletedAt()).isTrue();
    assertThat(record.hasLogs()).isFalse();
    assertThat(record.getError().getMessage()).isEqualTo("no");
    assertThat(record.getNumTotalSteps()).isEqualTo(1);
  }

  @Test
  void aFailureStandsInTheRecordAndWithAllDetailsInABlob() throws Exception {
    build(
        "failed",
        Optional.of(
            new VertexException(STEP, "copy", BuildException.notFound("/nowhere: not found"))));
    BuildHistoryRecord record = record("failed");
    assertThat(record.getError().getMessage()).contains("/nowhere: not found");
    assertThat(record.getError().getDetailsList()).isEmpty();
    assertThat(record.hasResult()).isFalse();
    Descriptor blob = record.getExternalError();
    assertThat(blob.getMediaType()).isEqualTo("application/vnd.googeapis.google.rpc.status+proto");
    byte[] content = Files.readAllBytes(blob(blob).orElseThrow());
    assertThat(blob.getSize()).isEqualTo(content.length);
    Status status = Status.parseFrom(content);
    assertThat(status.toBuilder().clearDetails().build()).isEqualTo(record.getError());
    assertThat(status.getDetailsList())
        .anySatisfy(detail -> assertThat(detail.getTypeUrl()).endsWith("/errdefs.Vertex+json"))
        .anySatisfy(detail -> {
          assertThat(detail.getTypeUrl()).endsWith("/stack.Stack+json");
          assertThat(detail.getValue().toStringUtf8()).contains("HistoryTest.java");
        });
  }

  @Test
  void theTraceHasASpanForTheBuildEachStepAndEachPart() throws Exception {
    build(
        "traced",
        Optional.empty(),
        step("[1/1] RUN true", 1, 5, "exit code: 7"),
        new ProgressEvent.Status(
            STEP,
            "extracting",
            "",
            0,
            0,
            BEGUN,
            Optional.of(BEGUN.plusSeconds(2)),
            Optional.of(BEGUN.plusSeconds(3))));
    assertThat(record("traced").hasResult()).isTrue(); // clients look into it unasked
    Descriptor trace = record("traced").getTrace();
    assertThat(trace.getMediaType()).isEqualTo("application/vnd.buildkit.otlp.json.v0");
    List<Map<String, Object>> spans =
        Files.readAllLines(blob(trace).orElseThrow()).stream()
            .map(line -> Json.parseObject(line.getBytes(StandardCharsets.UTF_8), "span"))
            .toList();
    assertThat(spans)
        .extracting(span -> Json.text(span, "Name"))
        .containsExactly("build", "[1/1] RUN true", "extracting");
    for (int i = 1; i < spans.size(); i++) {
      assertThat(Json.object(spans.get(i), "Parent"))
          .isEqualTo(Json.object(spans.get(i - 1), "SpanContext"));
    }
    assertThat(spans.get(1))
        .containsEntry("StartTime", "2026-11-30T12:00:01Z")
        .containsEntry("EndTime", "2026-11-30T12:00:05Z")
        .containsEntry("Status", Map.of("Code", "Error", "Description", "exit code: 7"));
  }

  private static ResourceSpans clients(String trace, String name) {
    return ResourceSpans.newBuilder()
        .setResource(
            Resource.newBuilder()
                .addAttributes(attribute("service.name", text("somebody's client"))))
        .addScopeSpans(
            ScopeSpans.newBuilder()
                .addSpans(
                    Span.newBuilder()
                        .setTraceId(ByteString.fromHex(trace))
                        .setSpanId(ByteString.fromHex("b7ad6b7169203331"))
                        .setName(name)
                        .setKind(Span.SpanKind.SPAN_KIND_CLIENT)
                        .setStartTimeUnixNano(1_796_040_000_000_000_000L)
                        .addAttributes(
                            attribute("repository", text("https://me:secret@example.com/r.git")))
                        .addAttributes(
                            attribute("files", AnyValue.newBuilder().setIntValue(7).build()))))
        .build();
  }

  private static AnyValue text(String text) {
    return AnyValue.newBuilder().setStringValue(text).build();
  }

  private static KeyValue attribute(String key, AnyValue value) {
    return KeyValue.newBuilder().setKey(key).setValue(value).build();
  }

  private List<Map<String, Object>> spans(BuildHistoryRecord record) throws Exception {
    return Files.readAllLines(blob(record.getTrace()).orElseThrow()).stream()
        .map(line -> Json.parseObject(line.getBytes(StandardCharsets.UTF_8), "span"))
        .toList();
  }

  @Test
  void theTraceHasWhatTheClientHandsOverBeforeAndAfterTheBuild() throws Exception {
    String trace = "0af7651916cd43dd8448eb211c80319c";
    TraceContext client = TraceContext.parse("00-" + trace + "-b7ad6b7169203331-01").orElseThrow();
    received.offer(clients(trace, "loads what is to be built"));
    received.offer(clients("1".repeat(32), "of another build"));
    BuildRequest request = request("watched", Map.of(), Optional.of(client));
    ProgressWatch watch = (ProgressWatch) history.begins(request, BEGUN);
    watch.ended(new Ending(BEGUN.plusSeconds(9), List.of(), Map.of(), Optional.empty()));
    BuildHistoryRecord first = record("watched");
    assertThat(spans(first))
        .extracting(span -> Json.text(span, "Name"))
        .containsExactly("build", "loads what is to be built");
    received.offer(clients(trace, "bake"));
    history.update(
        UpdateBuildHistoryRequest.newBuilder().setRef("watched").setFinalize(true).build());
    BuildHistoryRecord complete = record("watched");
    assertThat(complete.getGeneration()).isEqualTo(first.getGeneration() + 1);
    assertThat(spans(complete))
        .extracting(span -> Json.text(span, "Name"))
        .containsExactly("build", "loads what is to be built", "bake");
    Map<String, Object> last = spans(complete).getLast();
    assertThat(Json.object(last, "SpanContext"))
        .containsEntry("TraceID", trace)
        .isEqualTo(
            Map.of(
                "TraceID",
                trace,
                "SpanID",
                client.span(),
                "TraceFlags",
                "01",
                "TraceState",
                "",
                "Remote",
                false));
    assertThat(last)
        .containsEntry("SpanKind", 3L)
        .containsEntry("StartTime", "2026-11-30T12:00:00Z")
        .containsEntry(
            "Attributes",
            List.of(
                Map.of(
                    "Key",
                    "repository",
                    "Value",
                    Map.of("Type", "STRING", "Value", "https://xxxxx:xxxxx@example.com/r.git")),
                Map.of("Key", "files", "Value", Map.of("Type", "INT64", "Value", 7L))))
        .containsEntry(
            "Resource",
            List.of(
                Map.of(
                    "Key",
                    "service.name",
                    "Value",
                    Map.of("Type", "STRING", "Value", "somebody's client"))));
    assertThat(blob(first.getTrace())).as("who has just been told of it reads it").isPresent();
    history.update(
        UpdateBuildHistoryRequest.newBuilder().setRef("watched").setDelete(true).build());
    assertThat(blob(complete.getTrace())).isEmpty();
  }

  @Test
  void whoSendsSpansWithoutEndFillsNoMemory() throws Exception {
    for (int trace = 0; trace < 40; trace++) {
      for (int i = 0; i < 30; i++) {
        received.offer(clients(String.format("%032x", trace + 1), "x".repeat(100_000)));
      }
    }
    try (ReceivedSpans.Listening first = received.listen(String.format("%032x", 1));
        ReceivedSpans.Listening last = received.listen(String.format("%032x", 40))) {
      assertThat(first.lines()).as("made room for others").isEmpty();
      assertThat(last.lines().stream().mapToInt(line -> line.length).sum())
          .isBetween(1 << 20, 2 << 20);
    }
  }

  @Test
  void whatBelongsToARecordGoesWithIt() throws Exception {
    build("one", Optional.of(BuildException.invalid("no")));
    build("other", Optional.empty());
    BuildHistoryRecord one = record("one");
    BuildHistoryRecord other = record("other");
    assertThat(List.of(one.getLogs(), one.getExternalError(), one.getTrace()))
        .allSatisfy(blob -> assertThat(blob(blob)).isPresent());
    history.close();
    history = history(); // what records name outlives the daemon
    history.update(UpdateBuildHistoryRequest.newBuilder().setRef("one").setDelete(true).build());
    assertThat(List.of(one.getExternalError(), one.getTrace()))
        .allSatisfy(blob -> assertThat(blob(blob)).isEmpty());
    assertThat(List.of(other.getLogs(), other.getTrace())) // both builds logged nothing
        .allSatisfy(blob -> assertThat(blob(blob)).isPresent());
  }

  @Test
  void aBuildWhoseDaemonDiedIsInterrupted() throws Exception {
    ProgressWatch cut = (ProgressWatch) history.begins(request("cut", Map.of()), BEGUN);
    cut.progressed(List.of(step("RUN make", 1, 2, ""), log("made\n")));
    cut.progressed(List.of(step("RUN make", 3, 0, "")));
    Path log = directory.resolve("history/running").resolve(Digest.of("cut").hex());
    Files.write(log, new byte[] {9, 0, 0, 0, 1}, StandardOpenOption.APPEND); // half a message
    build("done", Optional.empty());
    history.close();
    history = history(); // as after a kill: nobody said how the first ended
    BuildHistoryRecord record = record("cut");
    assertThat(record.hasCompletedAt()).isTrue();
    assertThat(record.getError().getMessage()).startsWith("interrupted");
    List<StatusResponse> told = replayed("cut");
    assertThat(told.getFirst().getLogs(0).getMsg().toStringUtf8()).isEqualTo("made\n");
    assertThat(told.getLast().getVertexes(0).getError()).startsWith("interrupted");
    assertThat(told.getLast().getVertexes(0).hasCompleted()).isTrue();
    assertThat(record.getNumTotalSteps()).isEqualTo(1);
    assertThat(blob(record.getLogs())).isPresent();
    assertThat(log.getParent()).isEmptyDirectory();
    assertThat(listed(0, "status==interrupted")).containsExactly("cut");
    assertThat(listed(0, "status==running")).isEmpty();
    history.update(UpdateBuildHistoryRequest.newBuilder().setRef("cut").setDelete(true).build());
    history = history();
    assertThat(listed(0)).containsExactly("done");
  }

  @Test
  void recordsAreFoundByTimesStatusAndRepository() throws Exception {
    build("good", Optional.empty());
    build("bad", Optional.of(BuildException.invalid("no")));
    history
        .begins(
            request("git", Map.of("context", "https://example.com/a.git#main:sub")),
            BEGUN.minusSeconds(3600))
        .ended(
            new Ending(
                BEGUN,
                List.of(),
                Map.of(),
                Optional.of(new BuildException(Category.CANCELED, "context canceled"))));
    assertThat(listed(0, "status==error", "status==canceled"))
        .containsExactlyInAnyOrder("bad", "git");
    assertThat(listed(0, "repository==https://example.com/a.git")).containsExactly("git");
    assertThat(listed(0, "duration>1m")).containsExactly("git");
    assertThat(listed(0, "startedAt>10m")).containsExactlyInAnyOrder("good", "bad");
    assertThat(listed(0, "completedAt<=" + BEGUN, "ref==none")).containsExactly("git");
    assertThat(listed(0, "startedAt>10m,status==completed")).containsExactly("good");
    assertThat(listed(1, "startedAt<=10m")).containsExactly("git");
    assertThatThrownBy(() -> listed(0, "size>5"))
        .isInstanceOf(BuildException.class)
        .hasMessageContaining("invalid history filter \"size>5\"")
        .hasMessageContaining("duration");
    assertThatThrownBy(() -> listed(0, "startedAt>yesterday"))
        .hasMessageContaining("invalid time yesterday");
    assertThatThrownBy(() -> listed(-1)).hasMessageContaining("invalid limit -1");
  }

  @Test
  void whatIsOldOrTooMuchGoesButNotWhatIsPinned() throws Exception {
    for (int i = 0; i < History.Limits.DEFAULT.entries() + 2; i++) {
      build("build" + i, Optional.empty());
      if (i == 0) {
        history.update(
            UpdateBuildHistoryRequest.newBuilder().setRef("build0").setPinned(true).build());
      }
    }
    assertThat(listed(0))
        .hasSize(History.Limits.DEFAULT.entries() + 1)
        .contains("build0")
        .doesNotContain("build1");
    history.close();
    history = history(BEGUN.plus(History.Limits.DEFAULT.age()).plusSeconds(60)); // two days later
    assertThat(listed(0)).containsExactly("build0");
  }
}
