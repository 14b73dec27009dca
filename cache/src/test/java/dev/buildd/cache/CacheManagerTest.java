package dev.buildd.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.FileTree;
import dev.buildd.snapshot.LocalSnapshotter;
import dev.buildd.snapshot.OverlaySnapshotter;
import dev.buildd.snapshot.layer.LocalDiffer;
import dev.buildd.snapshot.store.MetadataStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("root")
class CacheManagerTest {
  private static final RefOptions PLAIN = RefOptions.of("step");

  @TempDir Path temp;
  private MetadataStore store;
  private LocalSnapshotter snapshots;
  private CacheManager cache;

  @BeforeEach
  void start() {
    store = MetadataStore.open(temp.resolve("metadata"));
    snapshots = OverlaySnapshotter.open(temp.resolve("snapshots"), store);
    cache =
        CacheManager.open(
            temp.resolve("cache"), store, snapshots, new LocalDiffer(snapshots), Clock.systemUTC());
  }

  @AfterEach
  void stop() throws IOException {
    int holds = cache.holds();
    close();
    assertThat(Files.readString(Path.of("/proc/self/mountinfo")))
        .doesNotContain(temp.toRealPath().toString());
    assertThat(holds).as("holds left").isZero();
  }

  private void close() {
    cache.close();
    snapshots.close();
    store.close();
  }

  private void restart() {
    close();
    start();
  }

  private ImmutableRef step(Optional<ImmutableRef> parent, String file, String content)
      throws IOException {
    try (MutableRef ref = cache.newMutable(parent, PLAIN)) {
      try (Mounted at = ref.mount()) {
        Files.writeString(at.path().resolve(file), content);
      }
      return ref.commit();
    }
  }

  private static String read(ImmutableRef ref, String file) throws IOException {
    try (Mounted at = ref.mount()) {
      return Files.readString(at.path().resolve(file));
    }
  }

  private static void assertFails(Category category, ThrowingCallable body) {
    assertThatThrownBy(body)
        .isInstanceOf(BuildException.class)
        .extracting(e -> ((BuildException) e).category())
        .isEqualTo(category);
  }

  @Test
  void committedStaysAndIsFoundAfterRestart() throws IOException {
    String a;
    String b;
    try (ImmutableRef first = step(Optional.empty(), "a", "1");
        ImmutableRef second = step(Optional.of(first), "b", "2")) {
      a = first.id();
      b = second.id();
      second.put("k", new byte[] {7});
    }
    restart();
    try (ImmutableRef second = cache.get(b)) {
      assertThat(read(second, "a")).isEqualTo("1");
      assertThat(read(second, "b")).isEqualTo("2");
      assertThat(second.get("k")).hasValue(new byte[] {7});
      assertThat(second.description()).isEqualTo("step");
      List<ImmutableRef> layers = second.layerChain();
      assertThat(layers).extracting(ImmutableRef::id).containsExactly(a, b);
      layers.forEach(ImmutableRef::close);
    }
    assertFails(Category.NOT_FOUND, () -> cache.get("none"));
    assertFails(Category.FAILED_PRECONDITION, () -> cache.getMutable(a));
  }

  @Test
  void whatIsNotedOfARefIsKnownAtOnce() throws IOException {
    try (ImmutableRef ref = step(Optional.empty(), "a", "1")) {
      for (byte i = 0; i < 100; i++) {
        ref.put("k", new byte[] {i});
        assertThat(ref.get("k")).hasValue(new byte[] {i});
      }
    }
  }

  @Test
  void releasedMutableIsGoneUnlessRetained() {
    String gone;
    try (MutableRef ref = cache.newMutable(Optional.empty(), PLAIN)) {
      gone = ref.id();
      assertFails(Category.FAILED_PRECONDITION, () -> cache.getMutable(ref.id()));
    }
    assertFails(Category.NOT_FOUND, () -> cache.getMutable(gone));
    String kept;
    RefOptions options =
        RefOptions.of("cache mount")
            .withRetain()
            .withRecordType(RefOptions.EXEC_CACHE_MOUNT)
            .withIndex("mount", "x");
    try (MutableRef ref = cache.newMutable(Optional.empty(), options)) {
      kept = ref.id();
    }
    restart();
    assertThat(cache.search("mount", "x")).containsExactly(kept);
    try (MutableRef ref = cache.getMutable(kept)) {
      ref.retain(false);
    }
    assertFails(Category.NOT_FOUND, () -> cache.getMutable(kept));
    assertThat(cache.search("mount", "x")).isEmpty();
    assertThat(snapshots.ids()).isEmpty();
  }

  @Test
  void listenersThatFailLeaveNoHold() {
    MutableRef kept = cache.newMutable(Optional.empty(), RefOptions.of("kept").withRetain());
    kept.commit().close();
    cache.onRemoval((ids, by) -> {
      throw new IllegalStateException("the disk is full");
    });
    cache.getMutable(kept.id()).close();
    assertThat(cache.holds()).isZero();
  }

  @Test
  void retainedCanBeCommittedAndReopened() throws IOException {
    RefOptions local = RefOptions.of("local").withRetain().withIndex("shared", "k");
    String mutable;
    String first;
    try (MutableRef ref = cache.newMutable(Optional.empty(), local)) {
      mutable = ref.id();
      try (Mounted at = ref.mount()) {
        Files.writeString(at.path().resolve("f"), "1");
      }
      try (ImmutableRef result = ref.commit()) {
        first = result.id();
        assertThat(read(result, "f")).isEqualTo("1");
        assertFails(Category.FAILED_PRECONDITION, () -> cache.getMutable(mutable));
      }
    }
    restart();
    cache.get(first).close();
    List<String> removed = new ArrayList<>();
    cache.onRemoval((ids, by) -> removed.addAll(ids));
    String second;
    assertThat(cache.search("shared", "k")).containsExactly(mutable);
    try (MutableRef ref = cache.getMutable(mutable)) {
      assertThat(removed).containsExactly(first);
      assertFails(Category.NOT_FOUND, () -> cache.get(first));
      try (Mounted at = ref.mount()) {
        Files.writeString(at.path().resolve("f"), "2");
      }
      try (ImmutableRef result = ref.commit()) {
        second = result.id();
        assertThat(cache.diskUsage(r -> true)).hasSize(1);
        try (ImmutableRef child = step(Optional.of(result), "g", "3")) {
          assertThat(read(child, "f")).isEqualTo("2");
        }
      }
    }
    assertFails(Category.NOT_FOUND, () -> cache.getMutable(mutable)); // it was built upon
    restart();
    try (ImmutableRef result = cache.get(second)) {
      assertThat(read(result, "f")).isEqualTo("2");
    }
  }

  @Test
  void mountsAreSharedAndEndWithTheirLastUser() throws IOException {
    try (ImmutableRef a = step(Optional.empty(), "a", "1");
        ImmutableRef b = step(Optional.of(a), "b", "2")) {
      Mounted one = b.mount();
      Mounted two = b.mount();
      assertThat(one.path()).isEqualTo(two.path());
      one.close();
      one.close();
      assertThat(two.path().resolve("b")).hasContent("2");
      assertThatThrownBy(() -> Files.writeString(two.path().resolve("b"), "x"))
          .isInstanceOf(IOException.class);
      two.close();
      assertThat(two.path()).doesNotExist();
    }
  }

  @Test
  void commitWaitsForNobody() {
    try (MutableRef ref = cache.newMutable(Optional.empty(), PLAIN)) {
      Mounted at = ref.mount();
      assertFails(Category.FAILED_PRECONDITION, ref::commit);
      at.close();
    }
  }

  @Test
  void mergedAndDiffedKeepTheirParents() throws IOException {
    String merged;
    String diffed;
    try (ImmutableRef a = step(Optional.empty(), "a", "1");
        ImmutableRef b = step(Optional.empty(), "b", "2");
        ImmutableRef c = step(Optional.of(b), "c", "3");
        ImmutableRef merge = cache.merge(List.of(a, c), PLAIN);
        ImmutableRef diff = cache.diff(Optional.of(b), Optional.of(c), PLAIN)) {
      merged = merge.id();
      diffed = diff.id();
      List<ImmutableRef> layers = merge.layerChain();
      assertThat(layers).extracting(ImmutableRef::id).containsExactly(a.id(), b.id(), c.id());
      layers.forEach(ImmutableRef::close);
      List<ImmutableRef> changes = diff.layerChain();
      assertThat(changes).extracting(ImmutableRef::id).containsExactly(c.id());
      changes.forEach(ImmutableRef::close);
    }
    restart();
    try (ImmutableRef merge = cache.get(merged);
        ImmutableRef diff = cache.get(diffed)) {
      assertThat(read(merge, "a") + read(merge, "b") + read(merge, "c")).isEqualTo("123");
      assertThat(read(diff, "c")).isEqualTo("3");
      try (Mounted at = diff.mount()) {
        assertThat(at.path().resolve("b")).doesNotExist();
      }
    }
    List<String> order = new ArrayList<>();
    cache.prune(PruneOptions.everything(), record -> order.add(record.id()));
    assertThat(order).hasSize(5);
    assertThat(order.subList(0, 2)).containsExactlyInAnyOrder(merged, diffed);
    assertThat(snapshots.ids()).isEmpty();
    assertThat(cache.diskUsage(r -> true)).isEmpty();
  }

  @Test
  void usageTellsOfSizesParentsAndUse() throws IOException {
    try (ImmutableRef a = step(Optional.empty(), "a", "x".repeat(100_000))) {
      ImmutableRef b = step(Optional.of(a), "b", "y".repeat(50_000));
      UsageRecord record = cache.diskUsage(r -> r.id().equals(b.id())).getFirst();
      assertThat(record.size()).isBetween(50_000L, 70_000L);
      assertThat(record.parents()).containsExactly(a.id());
      assertThat(record.inUse()).isTrue();
      assertThat(record.lastUsedAt()).isPresent();
      b.close();
    }
    List<UsageRecord> all = cache.diskUsage(r -> true);
    assertThat(all).hasSize(2).noneMatch(UsageRecord::inUse);
    assertThat(all.getFirst().size()).isBetween(100_000L, 120_000L);
    int uses = all.getFirst().usageCount();
    assertThat(uses).isPositive();
    restart();
    assertThat(cache.diskUsage(r -> true)).isEqualTo(all);
  }

  @Test
  void heldAndTheirParentsSurvivePruning() throws IOException {
    ImmutableRef a = step(Optional.empty(), "a", "1");
    ImmutableRef unused = step(Optional.empty(), "u", "1");
    try (ImmutableRef b = step(Optional.of(a), "b", "2")) {
      a.close();
      unused.close();
      List<String> gone = new ArrayList<>();
      cache.prune(PruneOptions.everything(), record -> gone.add(record.id()));
      assertThat(gone).containsExactly(unused.id());
      assertThat(read(b, "a")).isEqualTo("1");
    }
  }

  @Test
  void pruneKeepsWhatItsOptionsSay() throws IOException {
    step(Optional.empty(), "a", "x".repeat(100_000)).close();
    try (MutableRef ref =
        cache.newMutable(
            Optional.empty(), RefOptions.of("i").withRecordType(RefOptions.INTERNAL))) {
      ref.commit().close();
    }
    List<UsageRecord> gone = new ArrayList<>();
    cache.prune(new PruneOptions(true, r -> true, Duration.ofHours(1), 0, 0, 0), gone::add);
    cache.prune(new PruneOptions(true, r -> true, Duration.ZERO, 1 << 20, 0, 0), gone::add);
    cache.prune(
        new PruneOptions(true, r -> r.description().equals("other"), Duration.ZERO, 0, 0, 0),
        gone::add);
    assertThat(gone).isEmpty();
    cache.prune(new PruneOptions(false, r -> true, Duration.ZERO, 0, 0, 0), gone::add);
    assertThat(gone).hasSize(1);
    assertThat(gone.getFirst().description()).isEqualTo("step");
    cache.prune(PruneOptions.everything(), gone::add);
    assertThat(gone).hasSize(2);
  }

  @Test
  void unfinishedWorkOfADeadProcessLeavesNothing() throws IOException {
    String kept;
    try (ImmutableRef a = step(Optional.empty(), "a", "1")) {
      kept = a.id();
      MutableRef lost = cache.newMutable(Optional.of(a), PLAIN);
      Mounted at = lost.mount();
      Files.writeString(at.path().resolve("half"), "done");
      // as after a kill: nothing is closed, the mount stays
    }
    snapshots.close();
    store.close();
    start();
    assertThat(cache.diskUsage(r -> true)).extracting(UsageRecord::id).containsExactly(kept);
    assertThat(snapshots.ids()).hasSize(1);
    assertThat(temp.resolve("cache/mounts")).isEmptyDirectory();
  }

  @Test
  void commitThatCannotBeWrittenLeavesNothing() throws IOException {
    MutableRef ref = cache.newMutable(Optional.empty(), PLAIN);
    MutableRef retained = cache.newMutable(Optional.empty(), PLAIN);
    retained.retain(true);
    MetadataStore closed = store;
    store.close();
    assertThatThrownBy(ref::commit).hasMessageContaining("metadata store is closed");
    assertThatThrownBy(retained::commit).hasMessageContaining("metadata store is closed");
    assertThat(cache.holds()).isZero();
    snapshots.close();
    start();
    assertThat(store).isNotSameAs(closed);
    assertThat(cache.diskUsage(r -> true))
        .extracting(UsageRecord::id)
        .containsExactly(retained.id());
    assertThat(snapshots.ids()).hasSize(1);
  }

  @Test
  void recordWithoutFilesIsDroppedWithItsChildren() throws IOException {
    String child;
    try (ImmutableRef a = step(Optional.empty(), "a", "1");
        ImmutableRef b = step(Optional.of(a), "b", "2")) {
      child = b.id();
    }
    close();
    FileTree.delete(temp.resolve("snapshots/l/1"));
    start();
    assertFails(Category.NOT_FOUND, () -> cache.get(child));
    assertThat(cache.diskUsage(r -> true)).isEmpty();
  }

  @Test
  void manyAtOnceLeaveNothingBehind() throws Exception {
    try (ImmutableRef base = step(Optional.empty(), "base", "b")) {
      try (Scope scope = Scope.open("steps")) {
        for (int t = 0; t < 8; t++) {
          int thread = t;
          scope.fork(
              "steps " + t,
              () -> {
                for (int i = 0; i < 20; i++) {
                  try (ImmutableRef ref = step(Optional.of(base), "f", thread + "." + i)) {
                    assertThat(read(ref, "f")).isEqualTo(thread + "." + i);
                  }
                }
              });
        }
        scope.fork(
            "prune",
            () -> {
              for (int i = 0; i < 20; i++) {
                cache.prune(PruneOptions.everything(), r -> {});
                cache.diskUsage(r -> true);
              }
            });
        scope.join();
      }
      assertThat(read(base, "base")).isEqualTo("b");
    }
    cache.prune(PruneOptions.everything(), r -> {});
    assertThat(snapshots.ids()).isEmpty();
  }

  @Test
  void trivialStepIsCheap() throws IOException {
    for (int round = 0; round < 3; round++) {
      long start = System.nanoTime();
      long before = store.bytesWritten();
      for (int i = 0; i < 1_000; i++) {
        step(Optional.empty(), "f", "content").close();
      }
      store.flush();
      System.out.printf(
          "1000 trivial steps: %d ms, %d B of log%n",
          (System.nanoTime() - start) / 1_000_000, store.bytesWritten() - before);
      assertThat(store.bytesWritten() - before).isLessThan(1_000_000);
    }
  }
}
