package dev.buildd.solver.ops;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.content.Digest;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.Stat;
import dev.buildd.cache.CacheManager;
import dev.buildd.cache.Mounted;
import dev.buildd.cache.MutableRef;
import dev.buildd.cache.RefOptions;
import dev.buildd.proto.pb.ChownOpt;
import dev.buildd.proto.pb.FileAction;
import dev.buildd.proto.pb.FileActionCopy;
import dev.buildd.proto.pb.FileOp;
import dev.buildd.proto.pb.UserOpt;
import dev.buildd.snapshot.OverlaySnapshotter;
import dev.buildd.snapshot.Snapshotter;
import dev.buildd.snapshot.store.MetadataStore;
import dev.buildd.solver.graph.Edge;
import dev.buildd.solver.graph.Journal;
import dev.buildd.solver.graph.Memory;
import dev.buildd.solver.graph.OpContext;
import dev.buildd.solver.graph.Result;
import dev.buildd.solver.graph.VertexProgress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What ADD of a Dockerfile does with archives. */
@Tag("root")
@Timeout(30)
final class AddArchiveTest {
  @TempDir Path temp;
  private MetadataStore store;
  private Snapshotter snapshots;
  private CacheManager cache;

  /** File actions ask nothing of the solver. */
  private static final class Alone implements OpContext {
    @Override
    public Digest vertexDigest() {
      return Digest.of("add");
    }

    @Override
    public VertexProgress progress() {
      return VertexProgress.standalone(new Journal(), vertexDigest(), "add");
    }

    @Override
    public List<String> sessions() {
      return List.of();
    }

    @Override
    public List<Memory> memories() {
      return List.of();
    }

    @Override
    public Result build(Edge edge) {
      throw new IllegalStateException("nothing to build");
    }
  }

  @BeforeEach
  void start() throws Exception {
    store = MetadataStore.open(temp.resolve("metadata.log"));
    snapshots = OverlaySnapshotter.open(temp.resolve("snapshots"), store);
    cache = CacheManager.open(temp.resolve("cache"), store, snapshots, Clock.systemUTC());
    Path files = Files.createDirectories(temp.resolve("files"));
    Files.writeString(files.resolve("a"), "from the archive");
    run("tar", "-czf", temp.resolve("a.tar.gz").toString(), "-C", files.toString(), "a");
  }

  @AfterEach
  void stop() {
    int holds = cache.holds();
    cache.close();
    snapshots.close();
    store.close();
    assertThat(holds).as("holds left").isZero();
  }

  private static void run(String... command) throws Exception {
    assertThat(new ProcessBuilder(command).inheritIO().start().waitFor()).isZero();
  }

  @FunctionalInterface
  private interface Look {
    void at(Path root) throws Exception;
  }

  /** Copies from a directory with an archive and a text file whose name says it is one. */
  private void add(FileActionCopy copy, Look look) throws Exception {
    FileOp message =
        FileOp.newBuilder()
            .addActions(
                FileAction.newBuilder()
                    .setInput(-1)
                    .setSecondaryInput(0)
                    .setOutput(0)
                    .setCopy(copy.toBuilder().setMode(-1).setTimestamp(-1)))
            .build();
    Result context;
    try (MutableRef ref = cache.newMutable(Optional.empty(), RefOptions.of("context"))) {
      try (Mounted at = ref.mount()) {
        Files.copy(temp.resolve("a.tar.gz"), at.path().resolve("a.tar.gz"));
        Files.writeString(at.path().resolve("b.tar.gz"), "no archive");
      }
      context = RefResult.of(ref.commit());
    }
    try (context;
        Result made =
            new FileOperation(message, 1, "add", cache)
                .exec(new Alone(), List.of(context))
                .getFirst();
        Mounted at = RefResult.refOf(made).orElseThrow().mount()) {
      look.at(at.path());
    }
  }

  private static FileActionCopy.Builder copy(String from, String to) {
    return FileActionCopy.newBuilder().setSrc(from).setDest(to).setCreateDestPath(true);
  }

  @Test
  void unpacksIntoADirectoryMadeForIt() throws Exception {
    add(
        copy("/a.tar.gz", "/x/y").setAttemptUnpackDockerCompatibility(true).build(),
        root -> {
          assertThat(root.resolve("x/y/a")).hasContent("from the archive");
          assertThat(Linux.lstat(root.resolve("x/y")).permissions()).isEqualTo(0755);
        });
  }

  @Test
  void copiesWithoutBeingAskedToUnpack() throws Exception {
    add(
        copy("/a.tar.gz", "/x/").build(),
        root ->
            assertThat(root.resolve("x/a.tar.gz"))
                .hasSameBinaryContentAs(temp.resolve("a.tar.gz")));
  }

  @Test
  void wildcardsMayMeetBoth() throws Exception {
    add(
        copy("/*.tar.gz", "/x/")
            .setAllowWildcard(true)
            .setAttemptUnpackDockerCompatibility(true)
            .build(),
        root -> {
          assertThat(root.resolve("x").toFile().list()).containsExactlyInAnyOrder("a", "b.tar.gz");
          assertThat(root.resolve("x/b.tar.gz")).hasContent("no archive");
        });
  }

  @Test
  void ownerIsOfAll() throws Exception {
    ChownOpt owner =
        ChownOpt.newBuilder()
            .setUser(UserOpt.newBuilder().setByID(5))
            .setGroup(UserOpt.newBuilder().setByID(6))
            .build();
    add(
        copy("/a.tar.gz", "/x").setAttemptUnpackDockerCompatibility(true).setOwner(owner).build(),
        root -> {
          for (String name : new String[] {"x", "x/a"}) {
            Stat stat = Linux.lstat(root.resolve(name));
            assertThat(stat.uid()).as(name).isEqualTo(5);
            assertThat(stat.gid()).as(name).isEqualTo(6);
          }
        });
  }
}
