package dev.buildd.solver.llb;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.cache.CacheManager;
import dev.buildd.llb.FileAction;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import dev.buildd.proto.pb.Definition;
import dev.buildd.proto.pb.Op;
import dev.buildd.session.SessionManager;
import dev.buildd.snapshot.LocalSnapshotter;
import dev.buildd.snapshot.OverlaySnapshotter;
import dev.buildd.snapshot.layer.LocalDiffer;
import dev.buildd.snapshot.store.MetadataStore;
import dev.buildd.solver.executor.Container;
import dev.buildd.solver.executor.Executor;
import dev.buildd.solver.executor.ProcessIo;
import dev.buildd.solver.executor.ProcessSpec;
import dev.buildd.solver.graph.Edge;
import dev.buildd.solver.graph.Journal;
import dev.buildd.solver.graph.Memo;
import dev.buildd.solver.graph.OpContext;
import dev.buildd.solver.graph.SharedResult;
import dev.buildd.solver.graph.Vertex;
import dev.buildd.solver.graph.VertexProgress;
import dev.buildd.solver.ops.CacheMounts;
import dev.buildd.solver.ops.ExecSettings;
import dev.buildd.solver.ops.SourceOperation;
import dev.buildd.solver.source.git.GitSource;
import dev.buildd.solver.source.http.HttpSource;
import dev.buildd.solver.source.local.LocalSource;
import dev.buildd.solver.worker.MachinePlatforms;
import dev.buildd.solver.worker.Worker;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Whatever a client sends as a definition, it is loaded or refused with a {@link BuildException}.
 * Run with {@code JAZZER_FUZZ=1} to look for new inputs.
 */
@Tag("root")
class DefinitionFuzzTest {
  @TempDir static Path temp;
  private static final SessionManager sessions = new SessionManager();
  private static final List<Definition> valid = new ArrayList<>();
  private static MetadataStore store;
  private static LocalSnapshotter snapshots;
  private static CacheManager cache;
  private static Worker worker;

  /** Runs nothing. */
  private static final class NoExecutor implements Executor {
    @Override
    public Container start(ProcessSpec process, ProcessIo io) {
      throw new IllegalStateException("nothing is to be run");
    }

    @Override
    public void recover() {}
  }

  /** Answers as if the vertex were alone in the world. */
  private record Alone(Vertex vertex) implements OpContext {
    @Override
    public Digest vertexDigest() {
      return vertex.digest();
    }

    @Override
    public VertexProgress progress() {
      return VertexProgress.standalone(new Journal(), vertex.digest(), vertex.name());
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
      throw new IllegalStateException("nothing is to be built");
    }
  }

  @BeforeAll
  static void start() throws Exception {
    store = MetadataStore.open(temp.resolve("metadata"));
    snapshots = OverlaySnapshotter.open(temp.resolve("snapshots"), store);
    cache =
        CacheManager.open(
            temp.resolve("cache"), store, snapshots, new LocalDiffer(snapshots), Clock.systemUTC());
    worker =
        new Worker(
            "id",
            Map.of(),
            MachinePlatforms.open(temp.resolve("platforms"), List.of(), Duration.ZERO),
            new ExecSettings(
                cache, new CacheMounts(cache), sessions, new NoExecutor(), temp, false),
            List.of(new LocalSource(cache), new GitSource(cache), new HttpSource(cache)));
    State local = Llb.local("src");
    State git = Llb.git("https://example.org/repo.git", "main:sub");
    State step =
        local
            .run(
                Llb.args("sh", "-c", "true"),
                Llb.addMount("/src", git),
                Llb.addMount("/tmp", Llb.scratch()))
            .root();
    State files =
        step.file(Llb.copy(git, "/a*", "/b/", FileAction.CopyOptions.DEFAULT.contentsOnly()))
            .file(Llb.mkdir("/made", 0755))
            .file(Llb.rm("/made"));
    for (State state :
        List.of(
            files,
            Llb.merge(List.of(files, Llb.http("https://example.org/f"), Llb.diff(local, step))),
            Llb.scratch().file(Llb.mkfile("/f", 0644, "x")))) {
      valid.add(state.marshal().toProto());
    }
  }

  @AfterAll
  static void stop() {
    cache.close();
    snapshots.close();
    store.close();
    sessions.close();
  }

  /** Loads it and asks every operation for its key, but for sources, which would ask the world. */
  private static boolean load(Definition definition) throws Exception {
    try {
      Edge edge = DefinitionLoader.load(definition, worker);
      Set<Vertex> seen = new HashSet<>();
      List<Vertex> pending = new ArrayList<>(List.of(edge.vertex()));
      while (!pending.isEmpty()) {
        Vertex next = pending.removeLast();
        if (!seen.add(next)) {
          continue;
        }
        next.inputs().forEach(input -> pending.add(input.vertex()));
        if (!(next.op() instanceof SourceOperation)) {
          next.op().cacheMap(new Alone(next), 0);
        }
      }
      return true;
    } catch (BuildException e) {
      return false;
    }
  }

  @FuzzTest(maxDuration = "30s")
  void anyBytes(byte[] bytes) throws Exception {
    Definition definition;
    try {
      definition = Definition.parseFrom(bytes);
    } catch (InvalidProtocolBufferException e) {
      return; // gRPC refuses it
    }
    load(definition);
  }

  /** Damages one operation of a valid graph and mends the digests of those that rest on it. */
  @FuzzTest(maxDuration = "30s")
  void damagedOperations(FuzzedDataProvider data) throws Exception {
    Definition definition = data.pickValue(valid);
    int index = data.consumeInt(0, definition.getDefCount() - 1);
    byte[] op = definition.getDef(index).toByteArray();
    for (int i = data.consumeInt(1, 4); i > 0 && op.length > 0; i--) {
      op[data.consumeInt(0, op.length - 1)] = data.consumeByte();
    }
    load(replaced(definition, index, op));
  }

  private static Definition replaced(Definition definition, int index, byte[] replacement)
      throws InvalidProtocolBufferException {
    Map<String, String> moved = new HashMap<>();
    Definition.Builder out = definition.toBuilder().clearDef();
    for (int i = 0; i < definition.getDefCount(); i++) {
      ByteString old = definition.getDef(i);
      ByteString made = ByteString.copyFrom(replacement);
      if (i != index) {
        Op.Builder op = Op.parseFrom(old).toBuilder();
        op.getInputsBuilderList()
            .forEach(
                input -> input.setDigest(moved.getOrDefault(input.getDigest(), input.getDigest())));
        made = op.build().toByteString();
      }
      moved.put(Digest.of(old.toByteArray()).toString(), Digest.of(made.toByteArray()).toString());
      out.addDef(made);
    }
    return out.build();
  }

  @Test
  @Timeout(120)
  void everyFlippedBitAndEveryCutIsAnswered() throws Exception {
    int loaded = 0;
    for (Definition definition : valid) {
      org.assertj.core.api.Assertions.assertThat(load(definition)).isTrue();
      for (int i = 0; i < definition.getDefCount(); i++) {
        byte[] op = definition.getDef(i).toByteArray();
        for (int bit = 0; bit < op.length * 8; bit++) {
          byte[] damaged = op.clone();
          damaged[bit / 8] ^= (byte) (1 << bit % 8);
          loaded += load(replaced(definition, i, damaged)) ? 1 : 0;
        }
        for (int length = 0; length < op.length; length++) {
          loaded += load(replaced(definition, i, java.util.Arrays.copyOf(op, length))) ? 1 : 0;
        }
      }
      byte[] whole = definition.toByteArray();
      for (int length = 0; length < whole.length; length++) {
        anyBytes(java.util.Arrays.copyOf(whole, length));
      }
    }
    org.assertj.core.api.Assertions.assertThat(loaded).as("harmless damage").isPositive();
  }

  @Test
  @Timeout(30)
  void namesDoNotGrowWithoutBound() throws Exception {
    State state = Llb.local("src");
    for (int i = 0; i < 64; i++) {
      state = Llb.merge(List.of(state, state.file(Llb.mkdir("/" + i, 0755))));
      state = Llb.diff(state, Llb.merge(List.of(state, Llb.local("b" + i))));
    }
    load(state.marshal().toProto());
  }
}
