package dev.buildd.cache;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.base.linux.FileTree;
import dev.buildd.snapshot.LocalSnapshotter;
import dev.buildd.snapshot.OverlaySnapshotter;
import dev.buildd.snapshot.content.LocalContentStore;
import dev.buildd.snapshot.layer.LocalDiffer;
import dev.buildd.snapshot.store.MetadataStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("root")
class PruningTest {
  private static final String LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";

  @TempDir Path temp;
  private final AtomicLong seconds = new AtomicLong(1_000);
  private MetadataStore store;
  private LocalSnapshotter snapshots;
  private CacheManager cache;
  private LocalContentStore content;
  private LayerBlobs blobs;

  /** A clock that goes on by a second each time it is asked. */
  private final class Ticking extends Clock {
    @Override
    public ZoneOffset getZone() {
      return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(java.time.ZoneId zone) {
      return this;
    }

    @Override
    public Instant instant() {
      return Instant.ofEpochSecond(seconds.incrementAndGet());
    }
  }

  @BeforeEach
  void start() {
    store = MetadataStore.open(temp.resolve("metadata"));
    snapshots = OverlaySnapshotter.open(temp.resolve("snapshots"), store);
    cache =
        CacheManager.open(
            temp.resolve("cache"), store, snapshots, new LocalDiffer(snapshots), new Ticking());
    content = LocalContentStore.open(temp.resolve("content"));
    blobs = new LayerBlobs(cache, content, content);
  }

  @AfterEach
  void stop() {
    cache.close();
    snapshots.close();
    store.close();
  }

  private ImmutableRef lazy(Optional<ImmutableRef> below, String name) {
    Digest digest = Digest.of(name);
    return blobs.newLazy(
        below,
        RefOptions.of(name),
        new LayerBlob(Descriptor.of(LAYER, digest, 1), digest),
        LayerProvider.NONE);
  }

  private String step(Optional<ImmutableRef> parent, String name, int size) throws IOException {
    try (MutableRef ref = cache.newMutable(parent, RefOptions.of(name))) {
      try (Mounted at = ref.mount()) {
        Files.write(at.path().resolve(name), new byte[size]);
      }
      try (ImmutableRef made = ref.commit()) {
        return made.id();
      }
    }
  }

  private List<String> pruned(PruneOptions options) {
    List<String> out = new ArrayList<>();
    cache.prune(options, record -> out.add(record.description()));
    return out;
  }

  @Test
  void longChainsHaveNoLimit() {
    int length = 12_000;
    Optional<ImmutableRef> below = Optional.empty();
    for (int i = 0; i < length; i++) {
      ImmutableRef ref = lazy(below, "layer " + i);
      below.ifPresent(ImmutableRef::close);
      below = Optional.of(ref);
    }
    String id = below.orElseThrow().id();
    below.get().close();
    stop();
    start();
    try (ImmutableRef top = cache.get(id)) {
      List<ImmutableRef> layers = top.layerChain();
      assertThat(layers).hasSize(length);
      assertThat(layers.getFirst().description()).isEqualTo("layer 0");
      layers.forEach(ImmutableRef::close);
      assertThat(pruned(PruneOptions.everything())).isEmpty();
    }
    assertThat(pruned(PruneOptions.everything())).hasSize(length).endsWith("layer 0");
    assertThat(cache.diskUsage(record -> true)).isEmpty();
  }

  @Test
  void thoseUsedLongestAgoGoFirstAndParentsAfterTheirChildren() throws IOException {
    String base = step(Optional.empty(), "base", 200_000);
    try (ImmutableRef parent = cache.get(base)) {
      step(Optional.of(parent), "child", 200_000);
    }
    step(Optional.empty(), "other", 200_000);
    cache.get(base).close(); // used later than all
    stop();
    start();
    long total = cache.diskUsage(record -> true).stream().mapToLong(UsageRecord::size).sum();
    assertThat(total).isGreaterThan(600_000);
    assertThat(pruned(new PruneOptions(true, r -> true, Duration.ZERO, total - 1, 0, 0)))
        .containsExactly("child");
    assertThat(pruned(new PruneOptions(true, r -> true, Duration.ZERO, 300_000, 0, 0)))
        .containsExactly("other");
    assertThat(pruned(PruneOptions.everything())).containsExactly("base");
    snapshots.awaitRemovals();
    assertThat(temp.resolve("snapshots/l")).isEmptyDirectory();
    assertThat(temp.resolve("snapshots/trash")).isEmptyDirectory();
  }

  @Test
  void whatWasUsedLatelyAndWhatIsHeldStays() throws IOException {
    step(Optional.empty(), "old", 10);
    seconds.addAndGet(10_000);
    step(Optional.empty(), "new", 10);
    String held = step(Optional.empty(), "held", 10);
    PruneOptions older = new PruneOptions(true, r -> true, Duration.ofSeconds(5_000), 0, 0, 0);
    try (ImmutableRef ref = cache.get(held)) {
      assertThat(pruned(older)).containsExactly("old");
      assertThat(pruned(PruneOptions.everything())).containsExactly("new");
      assertThat(ref.id()).isEqualTo(held);
    }
  }

  /** A chain of which nothing was used for long goes in one run, whatever was used last in it. */
  @Test
  void childrenDoNotKeepParentsAliveByTheirAge() throws IOException {
    Optional<String> below = Optional.empty();
    for (int i = 0; i < 5; i++) {
      try (ImmutableRef parent = below.map(id -> cache.get(id)).orElse(null)) {
        below = Optional.of(step(Optional.ofNullable(parent), "link " + i, 10));
      }
    }
    seconds.addAndGet(10_000);
    PruneOptions older = new PruneOptions(true, r -> true, Duration.ofSeconds(5_000), 0, 0, 0);
    assertThat(pruned(older)).containsExactly("link 4", "link 3", "link 2", "link 1", "link 0");
  }

  @Test
  void aPlanRemovesNothingAndTellsWhyOthersStay() throws IOException {
    String base = step(Optional.empty(), "base", 10);
    try (ImmutableRef parent = cache.get(base)) {
      step(Optional.of(parent), "child", 10);
    }
    String under = step(Optional.empty(), "under", 10);
    String held;
    try (ImmutableRef parent = cache.get(under)) {
      held = step(Optional.of(parent), "held", 10);
    }
    try (MutableRef inner =
        cache.newMutable(
            Optional.empty(), RefOptions.of("inner").withRecordType(RefOptions.INTERNAL))) {
      inner.commit().close();
    }
    step(Optional.empty(), "spared", 10);
    seconds.addAndGet(10_000);
    step(Optional.empty(), "new", 10);
    PruneOptions options =
        new PruneOptions(
            false, r -> !r.description().equals("spared"), Duration.ofSeconds(5_000), 0, 0, 0);
    try (ImmutableRef holder = cache.get(held)) {
      List<PlannedRecord> plan = cache.planPrune(options, 0);
      assertThat(plan)
          .extracting(p -> p.record().description() + ": " + p.kept().orElse("goes"))
          .satisfiesExactly(
              r -> assertThat(r).isEqualTo("child: goes"),
              r -> assertThat(r).isEqualTo("base: goes"),
              r -> assertThat(r).isEqualTo("under: others that stay build upon it"),
              r -> assertThat(r).isEqualTo("held: in use"),
              r -> assertThat(r).isEqualTo("inner: of type internal, which goes only with --all"),
              r -> assertThat(r).isEqualTo("spared: no filter matches"),
              r -> assertThat(r).matches("new: used \\d+s ago, within the duration to keep"));
      assertThat(cache.diskUsage(r -> true)).hasSize(7);
      assertThat(holder.id()).isEqualTo(held);
    }
    assertThat(pruned(options)).containsExactly("child", "base");
    assertThat(cache.planPrune(new PruneOptions(true, r -> true, Duration.ZERO, 1 << 30, 0, 0), 0))
        .extracting(p -> p.kept().orElse("goes"))
        .containsExactly(
            "others that stay build upon it",
            "within the space to keep",
            "within the space to keep",
            "within the space to keep",
            "within the space to keep");
  }

  /** An archive counts for the oldest that has it, goes with it, and frees as much as was told. */
  @Test
  void archivesCountForTheirRecords() throws Exception {
    String id = step(Optional.empty(), "layer", 100_000);
    long files = cache.diskUsage(r -> true).getFirst().size();
    Digest digest;
    try (ImmutableRef ref = cache.get(id)) {
      digest =
          blobs
              .blob(
                  ref,
                  new LayerBlobs.CompressionConfig(
                      dev.buildd.snapshot.layer.Compression.NONE,
                      java.util.OptionalInt.empty(),
                      true),
                  new LazyBlobs())
              .descriptor()
              .digest();
      blobs
          .newLazy(
              Optional.empty(),
              RefOptions.of("twin"),
              new LayerBlob(Descriptor.of(LAYER, digest, 1), digest),
              LayerProvider.NONE)
          .close();
    }
    long archive = content.bytes(digest);
    assertThat(archive).isGreaterThan(100_000).isEqualTo(content.bytes());
    assertThat(cache.diskUsage(r -> true))
        .extracting(UsageRecord::size)
        .containsExactly(files + archive, 0L);
    List<Long> gone = new ArrayList<>();
    cache.prune(PruneOptions.everything(), record -> gone.add(record.size()));
    assertThat(content.collect(blobs::needs, Duration.ZERO)).isEqualTo(archive);
    assertThat(content.bytes()).isZero();
    assertThat(gone.stream().mapToLong(bytes -> bytes).sum()).isEqualTo(files + archive);
  }

  /** What lies beside the refs counts against a limit; who is told to stop does. */
  @Test
  void limitsCountWhatLiesBeside() throws IOException {
    step(Optional.empty(), "first", 100_000);
    step(Optional.empty(), "second", 100_000);
    PruneOptions limit = new PruneOptions(true, r -> true, Duration.ZERO, 0, 250_000, 0);
    assertThat(pruned(limit)).isEmpty();
    List<String> out = new ArrayList<>();
    cache.prune(limit, 100_000, Pace.STEADY, record -> out.add(record.description()));
    assertThat(out).containsExactly("first");
    for (int i = 0; i < 300; i++) {
      lazy(Optional.empty(), "lazy " + i).close();
    }
    out.clear();
    cache.prune(PruneOptions.everything(), 0, () -> false, record -> out.add(record.description()));
    assertThat(out).hasSizeLessThanOrEqualTo(100).isNotEmpty();
  }

  /** What cannot be right is dropped when it is looked for; all else stays. */
  @Test
  void recordsThatDisagreeAreDroppedAlone() throws IOException {
    String lost = step(Optional.empty(), "lost", 10);
    String child;
    try (ImmutableRef parent = cache.get(lost)) {
      child = step(Optional.of(parent), "child", 10);
    }
    String kept = step(Optional.empty(), "kept", 10);
    stop();
    FileTree.delete(temp.resolve("snapshots/l/1"));
    try (MetadataStore damaged = MetadataStore.open(temp.resolve("metadata"))) {
      damaged
          .batch()
          .put(dev.buildd.snapshot.store.Table.REF, "damaged", new byte[] {1, 2, 3})
          .put(dev.buildd.snapshot.store.Table.SNAPSHOT, "77", new byte[] {-1})
          .commit();
    }
    start();
    assertThat(cache.diskUsage(record -> true)).extracting(UsageRecord::id).containsExactly(kept);
    assertThat(cache.search("none", "none")).isEmpty();
    assertThat(store.get(dev.buildd.snapshot.store.Table.REF, child)).isEmpty();
    assertThat(store.get(dev.buildd.snapshot.store.Table.REF, "damaged")).isEmpty();
    assertThat(pruned(PruneOptions.everything())).containsExactly("kept");
  }
}
