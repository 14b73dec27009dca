package dev.buildd.solver.ops;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.content.Digest;
import dev.buildd.cache.CacheManager;
import dev.buildd.cache.Mounted;
import dev.buildd.cache.MutableRef;
import dev.buildd.cache.RefOptions;
import dev.buildd.proto.pb.FileAction;
import dev.buildd.proto.pb.FileOp;
import dev.buildd.snapshot.LocalSnapshotter;
import dev.buildd.snapshot.OverlaySnapshotter;
import dev.buildd.snapshot.layer.LocalDiffer;
import dev.buildd.snapshot.store.MetadataStore;
import dev.buildd.solver.graph.Edge;
import dev.buildd.solver.graph.Journal;
import dev.buildd.solver.graph.Memo;
import dev.buildd.solver.graph.OpContext;
import dev.buildd.solver.graph.SharedResult;
import dev.buildd.solver.graph.VertexProgress;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.Optional;

/** File operations on real snapshots. */
final class FileLab implements AutoCloseable {
  private final MetadataStore store;
  private final LocalSnapshotter snapshots;
  private final CacheManager cache;

  FileLab(Path directory) throws Exception {
    store = MetadataStore.open(directory.resolve("metadata"));
    snapshots = OverlaySnapshotter.open(directory.resolve("snapshots"), store);
    cache =
        CacheManager.open(
            directory.resolve("cache"),
            store,
            snapshots,
            new LocalDiffer(snapshots),
            Clock.systemUTC());
  }

  /** File actions ask nothing of the solver. */
  private static final class Alone implements OpContext {
    @Override
    public Digest vertexDigest() {
      return Digest.of("files");
    }

    @Override
    public VertexProgress progress() {
      return VertexProgress.standalone(new Journal(), vertexDigest(), "files");
    }

    @Override
    public List<String> sessions() {
      return List.of();
    }

    @Override
    public List<Memo> memos() {
      return List.of();
    }

    @Override
    public SharedResult build(Edge edge) {
      throw new IllegalStateException("nothing to build");
    }
  }

  /** Work on the root of a tree. */
  @FunctionalInterface
  interface Look {
    void at(Path root) throws Exception;
  }

  /** A tree as a build's step might have made it. */
  SharedResult tree(Look make) throws Exception {
    try (MutableRef ref = cache.newMutable(Optional.empty(), RefOptions.of("tree"))) {
      try (Mounted at = ref.mount()) {
        make.at(at.path());
      }
      return RefResult.of(ref.commit());
    }
  }

  /** Does one action on the inputs and shows what came of it. */
  void run(FileAction action, Look look, SharedResult... inputs) throws Exception {
    FileOp message = FileOp.newBuilder().addActions(action).build();
    try (SharedResult made =
            new FileOperation(message, inputs.length, "files", cache)
                .exec(new Alone(), List.of(inputs))
                .getFirst();
        Mounted at = RefResult.refOf(made).orElseThrow().mount()) {
      look.at(at.path());
    }
  }

  @Override
  public void close() {
    int holds = cache.holds();
    cache.close();
    snapshots.close();
    store.close();
    assertThat(holds).as("holds left").isZero();
  }
}
