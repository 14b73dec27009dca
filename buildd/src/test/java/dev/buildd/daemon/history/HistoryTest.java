package dev.buildd.daemon.history;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.rpc.Status;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.json.Json;
import dev.buildd.daemon.build.BuildObserver.Ending;
import dev.buildd.daemon.build.BuildRequest;
import dev.buildd.proto.control.BuildHistoryEvent;
import dev.buildd.proto.control.BuildHistoryRecord;
import dev.buildd.proto.control.BuildHistoryRequest;
import dev.buildd.proto.control.Descriptor;
import dev.buildd.proto.control.UpdateBuildHistoryRequest;
import dev.buildd.snapshot.store.MetadataStore;
import dev.buildd.solver.graph.ProgressEvent;
import dev.buildd.solver.graph.VertexException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
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
        History.Limits.DEFAULT);
  }

  private static BuildRequest request(String ref, Map<String, String> attributes) {
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
        BuildRequest.Policies.NONE);
  }

  private void build(String ref, Optional<Throwable> failure, ProgressEvent... progress) {
    history
        .begins(request(ref, Map.of()), BEGUN)
        .ended(new Ending(BEGUN.plusSeconds(9), List.of(progress), Map.of(), failure));
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
        Optional.of(BEGUN.plusSeconds(to)),
        false,
        error);
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
    history.begins(request("cut", Map.of()), BEGUN);
    build("done", Optional.empty());
    history.close();
    history = history(); // as after a kill: nobody said how the first ended
    BuildHistoryRecord record = record("cut");
    assertThat(record.hasCompletedAt()).isTrue();
    assertThat(record.getError().getMessage()).startsWith("interrupted");
    assertThat(history.progress("cut").orElseThrow()).isEmpty();
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
