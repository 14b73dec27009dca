package dev.buildd.daemon.gc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Digest;
import dev.buildd.cache.CacheManager;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.LayerBlobs;
import dev.buildd.cache.LazyBlobs;
import dev.buildd.cache.Mounted;
import dev.buildd.cache.MutableRef;
import dev.buildd.cache.PlannedRecord;
import dev.buildd.cache.PruneOptions;
import dev.buildd.cache.RefOptions;
import dev.buildd.cache.UsageRecord;
import dev.buildd.gateway.WorkerInfo.GcPolicy;
import dev.buildd.snapshot.LocalSnapshotter;
import dev.buildd.snapshot.OverlaySnapshotter;
import dev.buildd.snapshot.content.LeaseManager;
import dev.buildd.snapshot.content.LocalContentStore;
import dev.buildd.snapshot.layer.Compression;
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
import java.util.OptionalInt;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On a disk of its own, whose own count is the measure. */
@Tag("root")
final class CollectorTest {
  private static final int MIB = 1 << 20;
  private static final Collector.Timing SOON =
      new Collector.Timing(Duration.ZERO, Duration.ZERO, Duration.ofMillis(20));
  private static final Collector.Timing NEVER =
      new Collector.Timing(Duration.ofDays(1), Duration.ZERO, Duration.ofDays(1));

  @TempDir Path temp;
  private Path disk;
  private MetadataStore store;
  private LocalSnapshotter snapshots;
  private LocalContentStore content;
  private CacheManager cache;
  private LayerBlobs blobs;
  private final List<Collector> collectors = new ArrayList<>();

  @BeforeEach
  void open() throws Exception {
    disk = Files.createDirectories(temp.resolve("disk"));
    Path image = temp.resolve("image");
    run("truncate", "-s", "200M", image.toString());
    run("mkfs.ext4", "-q", "-m", "0", image.toString());
    run("mount", "-o", "loop", image.toString(), disk.toString());
    store = MetadataStore.open(disk.resolve("metadata"));
    snapshots = OverlaySnapshotter.open(disk.resolve("snapshots"), store);
    content = LocalContentStore.open(disk.resolve("content"));
    cache =
        CacheManager.open(
            disk.resolve("cache"), store, snapshots, new LocalDiffer(snapshots), Clock.systemUTC());
    blobs = new LayerBlobs(cache, content, content);
  }

  @AfterEach
  void close() throws Exception {
    collectors.forEach(Collector::close);
    assertThat(cache.holds() + content.holds()).isZero();
    cache.close();
    snapshots.close();
    store.close();
    run("umount", disk.toString());
  }

  private static void run(String... command) throws Exception {
    assertThat(new ProcessBuilder(command).inheritIO().start().waitFor()).isZero();
  }

  private Collector collector(Collector.Timing timing, GcPolicy... rules) {
    Collector made =
        new Collector(
            new Collector.Parts(
                cache,
                snapshots,
                content,
                content,
                blobs::needs,
                List.of(disk.resolve("metadata"))),
            List.of(rules),
            timing,
            disk.toFile().getTotalSpace());
    collectors.add(made);
    return made;
  }

  private static GcPolicy atMost(long bytes) {
    return new GcPolicy(true, 0, List.of(), 0, bytes, 0);
  }

  /** A record with files of random bytes, none of which a filesystem can save. */
  private String step(String name, int bytes) throws IOException {
    try (MutableRef ref = cache.newMutable(Optional.empty(), RefOptions.of(name))) {
      try (Mounted at = ref.mount()) {
        byte[] data = new byte[bytes / 4];
        for (int i = 0; i < 4; i++) {
          new Random(name.hashCode() + i).nextBytes(data);
          Files.createDirectories(at.path().resolve("d" + i));
          Files.write(at.path().resolve("d" + i + "/" + name), data);
        }
      }
      try (ImmutableRef made = ref.commit()) {
        return made.id();
      }
    }
  }

  private void archive(String id, Compression compression) throws Exception {
    try (ImmutableRef ref = cache.get(id);
        LazyBlobs lazy = new LazyBlobs()) {
      blobs.blob(
          ref, new LayerBlobs.CompressionConfig(compression, OptionalInt.empty(), true), lazy);
    }
  }

  /** What the filesystem counts, once it knows of everything. */
  private long used() throws Exception {
    run("sync", "-f", disk.toString());
    return disk.toFile().getTotalSpace() - disk.toFile().getFreeSpace();
  }

  private List<String> names() {
    return cache.diskUsage(r -> true).stream().map(UsageRecord::description).toList();
  }

  @Test
  void whatIsToldIsWhatTheDiskLoses() throws Exception {
    Collector collector = collector(NEVER);
    long before = used() - cache.usage().held(collector.beside());
    for (int i = 0; i < 12; i++) {
      String id = step("step " + i, 3 * MIB);
      if (i % 3 == 0) {
        archive(id, Compression.GZIP);
        archive(id, Compression.NONE);
      }
    }
    long lost = used() - before;
    long records = cache.diskUsage(r -> true).stream().mapToLong(UsageRecord::size).sum();
    assertThat(lost).isGreaterThan(60 * MIB);
    assertThat((double) cache.usage().held(collector.beside()))
        .isCloseTo((double) lost, within(lost * 0.01));
    assertThat((double) records + collector.beside() - content.bytes())
        .as("records with their archives, and the store's files")
        .isCloseTo((double) lost, within(lost * 0.01));
    List<UsageRecord> gone = new ArrayList<>();
    long full = used();
    collector.prune(PruneOptions.everything(), gone::add);
    long freed = full - used(); // free when it returned
    long told = gone.stream().mapToLong(UsageRecord::size).sum();
    assertThat((double) told).isCloseTo((double) freed, within(freed * 0.01));
    assertThat(content.bytes()).isZero();
  }

  @Test
  void aCapHoldsByTheDisksOwnCount() throws Exception {
    Collector collector = collector(NEVER, atMost(30 * MIB));
    long empty = used() - cache.usage().held(collector.beside());
    for (int i = 0; i < 12; i++) {
      archive(step("step " + i, 4 * MIB), Compression.NONE);
    }
    Collector.Collected collected = collector.collectNow();
    assertThat(collected.records()).isPositive();
    assertThat(used() - empty).isLessThanOrEqualTo(30 * MIB).isGreaterThan(15 * MIB);
    assertThat(names()).endsWith("step 11").doesNotContain("step 0");
    assertThat(collector.collectNow()).isEqualTo(new Collector.Collected(0, 0));
  }

  @Test
  void rulesOfTypesAndAgesAreApplied() throws Exception {
    try (MutableRef ref =
        cache.newMutable(
            Optional.empty(), RefOptions.of("local").withRecordType(RefOptions.SOURCE_LOCAL))) {
      ref.commit().close();
    }
    step("young", MIB);
    Collector collector =
        collector(
            NEVER,
            new GcPolicy(false, 0, List.of("type==source.local"), 0, 1, 0),
            new GcPolicy(false, Duration.ofDays(1).toNanos(), List.of(), 0, 1, 0));
    collector.collectNow();
    assertThat(names()).containsExactly("young");
  }

  /** At the start and after a build the rules are applied; without rules nothing goes. */
  @Test
  void itGoesByItselfWhenAsked() throws Exception {
    step("one", MIB);
    Collector off = collector(SOON);
    off.start(() -> false);
    off.ask();
    Collector on = collector(SOON, atMost(1));
    assertThat(names()).containsExactly("one");
    on.start(() -> false);
    awaitNames(List.of());
    step("two", MIB);
    on.ask();
    awaitNames(List.of());
  }

  /** Between builds nobody asks: a disk that gets fuller by more than a little is looked at. */
  @Test
  void itGoesByItselfWhenTheDiskGetsShort() throws Exception {
    Collector collector =
        collector(
            new Collector.Timing(Duration.ofDays(1), Duration.ofDays(1), Duration.ofMillis(20)),
            new GcPolicy(true, 0, List.of(), 0, 0, cache.usage().free() - 20 * MIB));
    collector.start(() -> true);
    Thread.sleep(100); // it looks, and sees that there is enough
    for (int i = 0; i < 8; i++) {
      step("step " + i, 5 * MIB);
      used(); // so that the filesystem counts it
    }
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
    while (names().contains("step 0") && System.nanoTime() < deadline) {
      Thread.sleep(20);
    }
    assertThat(names()).doesNotContain("step 0").contains("step 7");
  }

  private void awaitNames(List<String> names) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
    while (!names().equals(names) && System.nanoTime() < deadline) {
      Thread.sleep(10);
    }
    assertThat(names()).isEqualTo(names);
  }

  @Test
  void roomIsMadeOfWhatWasUsedLongestAgo() throws Exception {
    for (int i = 0; i < 30; i++) {
      step("step " + i, 5 * MIB);
    }
    used();
    assertThat(cache.usage().free()).isLessThan(40 * MIB);
    Collector off = collector(NEVER);
    assertThat(off.makeRoom()).as("it is switched off").isFalse();
    Collector collector = collector(NEVER, atMost(1L << 40));
    assertThat(collector.makeRoom()).isTrue();
    assertThat(cache.usage().free()).isGreaterThanOrEqualTo(64 * MIB).isLessThan(80 * MIB);
    assertThat(names()).doesNotContain("step 0").contains("step 29");
  }

  /** Who asks for a pruning goes before the collector, which goes on afterwards. */
  @Test
  void aPruningGoesBefore() throws Exception {
    for (int i = 0; i < 250; i++) {
      step("step " + i, 8);
    }
    CountDownLatch collecting = new CountDownLatch(1);
    Collector collector = collector(NEVER, atMost(1));
    collector.start(() -> {
      collecting.countDown();
      return true; // builds run: it rests after each hundred
    });
    Thread collection = Threads.start("collection", collector::collectNow);
    assertThat(collecting.await(10, TimeUnit.SECONDS)).isTrue();
    List<UsageRecord> gone = new ArrayList<>();
    collector.prune(PruneOptions.everything(), gone::add);
    collection.join();
    assertThat(names()).isEmpty();
    assertThat(gone).hasSizeLessThan(250).isNotEmpty();
  }

  @Test
  void aPlanTellsWhatAPruningWouldDo() throws Exception {
    step("old", MIB);
    String held = step("held", MIB);
    Collector collector = collector(NEVER);
    try (ImmutableRef ref = cache.get(held)) {
      List<PlannedRecord> plan = collector.plan(PruneOptions.everything());
      assertThat(plan)
          .extracting(p -> p.record().description() + p.kept().map(why -> ": " + why).orElse(""))
          .containsExactly("old", "held: in use");
      assertThat(names()).hasSize(2);
      List<UsageRecord> gone = new ArrayList<>();
      collector.prune(PruneOptions.everything(), gone::add);
      assertThat(gone).containsExactly(plan.getFirst().record());
      assertThat(ref.id()).isEqualTo(held);
    }
  }

  /** A blob that a build uses stays, whoever collects. */
  @Test
  void blobsInUseStay() {
    Digest blob = content.put(new byte[5_000]);
    Collector collector = collector(NEVER, atMost(1L << 40));
    try (LeaseManager.Lease _ = content.hold(blob)) {
      assertThat(collector.collectNow().bytes()).isZero();
      assertThat(content.bytes(blob)).isPositive();
    }
    assertThat(collector.collectNow().bytes()).isPositive();
    assertThat(content.bytes(blob)).isZero();
  }
}
