package dev.buildd.solver.explain;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.content.Digest;
import dev.buildd.cache.contenthash.ListedFile;
import dev.buildd.proto.pb.Op;
import dev.buildd.proto.pb.SourceOp;
import dev.buildd.snapshot.store.MetadataStore;
import dev.buildd.snapshot.store.Table;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which runs are kept, and for how long. */
class RunRowsTest {
  private static final Instant AT = Instant.parse("2026-11-30T12:00:00.5Z");

  @TempDir Path directory;
  private MetadataStore store;
  private RunRows runs;

  @BeforeEach
  void open() {
    store = MetadataStore.open(directory);
    runs = new RunRows(store, new RunRows.Limits(3, 400, 1000));
  }

  @AfterEach
  void close() {
    store.close();
  }

  private static RunRow run(String name, Optional<Digest> content) {
    return new RunRow(
        AT,
        "build of " + name,
        "step",
        Op.newBuilder().setSource(SourceOp.newBuilder().setIdentifier("git://" + name)).build(),
        Digest.of("operation of " + name),
        name,
        "",
        List.of(new RunRow.Input("below", "name of below", content)),
        "result of " + name);
  }

  private static FileList files(String... paths) {
    FileList out = new FileList();
    for (String path : paths) {
      out.add(new ListedFile(path, 0100644, -2, 5, 1L << 40, Digest.of(path)));
    }
    return out;
  }

  private int count(Table table) {
    int[] count = new int[1];
    store.scan(
        table,
        new byte[0],
        (key, value) -> {
          count[0]++;
          return true;
        });
    return count[0];
  }

  @Test
  void aRunIsReadAsItWasSaved() {
    RunRow run = run("one", Optional.of(Digest.of("content")));
    runs.save(run);
    assertThat(runs.find(run.keys().getFirst())).contains(run);
    store.close();
    store = MetadataStore.open(directory);
    runs = new RunRows(store, RunRows.Limits.DEFAULT);
    assertThat(run.keys()).allSatisfy(key -> assertThat(runs.find(key)).contains(run));
    runs.save(run("two", Optional.empty())); // under a number of its own
    assertThat(runs.find(run.keys().getFirst())).contains(run);
  }

  @Test
  void whyAResultWentIsKept() {
    RunRow run = run("one", Optional.empty());
    runs.save(run);
    runs.removed(List.of("result of nobody"), new RunRows.Removal(AT, "x"));
    assertThat(runs.removal(run)).isEmpty();
    runs.removed(List.of("result of one"), new RunRows.Removal(AT, "a prune"));
    assertThat(runs.removal(run).orElseThrow().why()).isEqualTo("a prune");
  }

  @Test
  void theOldestRunsGoWithAllThatIsKeptOfThem() {
    for (int i = 0; i < 6; i++) {
      Digest content = Digest.of("content" + i);
      runs.save(run("run" + i, Optional.of(content)));
      runs.saveFiles(content, files("/a" + i));
    }
    runs.removed(List.of("result of run0"), new RunRows.Removal(AT, "a prune"));
    runs.tidy();
    assertThat(count(Table.RUN)).isEqualTo(3);
    assertThat(count(Table.RUN_REMOVED)).isZero();
    assertThat(runs.find(run("run2", Optional.empty()).keys().getFirst())).isEmpty();
    RunRow kept = run("run3", Optional.of(Digest.of("content3")));
    assertThat(kept.keys().subList(0, 3))
        .allSatisfy(key -> assertThat(runs.find(key)).contains(kept));
    assertThat(runs.files(Digest.of("content2"))).isEmpty();
    assertThat(runs.files(Digest.of("content3"))).isPresent();
  }

  @Test
  void listsOfFilesAreKeptAsFarAsTheyFit() {
    String[] many = new String[40];
    for (int i = 0; i < many.length; i++) {
      many[i] = "/" + Digest.of("file" + i).hex().substring(0, 8);
    }
    for (int i = 0; i < 2; i++) {
      Digest content = Digest.of("content" + i);
      runs.save(run("run" + i, Optional.of(content)));
      runs.saveFiles(content, i == 0 ? files(many) : files("/small"));
    }
    runs.tidy();
    assertThat(runs.files(Digest.of("content0"))).isEmpty();
    assertThat(runs.files(Digest.of("content1"))).isPresent();
  }

  @Test
  void filesAreReadAsTheyWereSavedAndCompared() {
    FileList before = files("/a", "/dir/b", "/dir/b2", "/\udbc0\udc00x", "/gone/z");
    Digest content = Digest.of("content");
    runs.saveFiles(content, before);
    FileList read = runs.files(content).orElseThrow();
    assertThat(files("/a", "/dir/b", "/dir/b2", "/\udbc0\udc00x", "/gone/z").changesFrom(read))
        .isEmpty();
    FileList now = files("/a", "/dir/b2", "/\udbc0\udc00x", "/new");
    now.add(new ListedFile("/dir/b2", 0100644, -2, 5, 1, Digest.of("other")));
    assertThat(now.changesFrom(read))
        .extracting(
            change -> change.path() + change.before().isPresent() + change.now().isPresent())
        .containsExactly(
            "/dir/b" + true + false,
            "/dir/b2" + true + true,
            "/gone/z" + true + false,
            "/new" + false + true);
  }

  @Test
  void stepsAreFoundAgainWhenOthersComeAndGo() {
    assertThat(StepNames.plain("[linux/arm64 build 2/7] RUN make"))
        .isEqualTo("[build ] RUN make")
        .isEqualTo(StepNames.plain("[build 3/8] RUN make"));
    assertThat(StepNames.plain("[1/2] FROM alpine:3@sha256:0123abcd"))
        .isEqualTo("[] FROM alpine:3");
    assertThat(StepNames.stage("[linux/arm64 build 2/7] RUN make")).isEqualTo("build 2");
    assertThat(StepNames.stage("make")).isEmpty();
    assertThat(StepNames.areAlike("RUN make all", "RUN make")).isTrue();
    assertThat(StepNames.areAlike("RUN apk add git", "COPY . .")).isFalse();
  }
}
