package dev.buildd.snapshot.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.error.BuildException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MetadataStoreTest {
  @TempDir Path temp;

  private Path file() {
    return temp.resolve("metadata.log");
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static Map<String, String> content(MetadataStore store) {
    Map<String, String> out = new TreeMap<>();
    store.dump((table, key, value) -> out.put(table + "/" + key, text(value)));
    return out;
  }

  private static String text(byte[] value) {
    return new String(value, StandardCharsets.UTF_8);
  }

  private static Optional<byte[]> get(MetadataStore store, String table, String key) {
    return Optional.ofNullable(store.scan(table, "").get(key));
  }

  @Test
  void committedIsReadableNowAndLater() {
    try (var store = MetadataStore.open(file())) {
      store.batch().put("t", "a", bytes("1")).put("t", "b", bytes("2")).commit();
      store.batch().put("t", "a", bytes("3")).delete("t", "b").put("u", "é", bytes("4")).commit();
      assertThat(get(store, "t", "a")).hasValue(bytes("3"));
      assertThat(get(store, "t", "b")).isEmpty();
      assertThat(get(store, "none", "b")).isEmpty();
    }
    try (var store = MetadataStore.open(file())) {
      assertThat(content(store)).isEqualTo(Map.of("t/a", "3", "u/é", "4"));
    }
  }

  @Test
  void scansByPrefixInOrder() {
    try (var store = MetadataStore.open(file())) {
      for (String key : new String[] {"b", "a2", "a1", "a", "\uD83D\uDE00"}) {
        store.batch().put("t", key, bytes(key)).commit();
      }
      assertThat(store.scan("t", "a").keySet()).containsExactly("a", "a1", "a2");
      assertThat(store.scan("t", "").keySet()).hasSize(5);
      assertThat(store.scan("x", "")).isEmpty();
    }
  }

  @Test
  void tornEndIsCutAtEveryByte() throws IOException {
    long before;
    try (var store = MetadataStore.open(file())) {
      store.batch().put("t", "a", bytes("1")).commit();
      before = store.size();
      store.batch().put("t", "a", bytes("2")).put("t", "b", bytes("2")).commit();
    }
    byte[] whole = Files.readAllBytes(file());
    int lastBatchEnd = whole.length - 9; // the closing frame
    for (int length = (int) before; length < lastBatchEnd; length++) {
      Files.write(file(), java.util.Arrays.copyOf(whole, length));
      try (var store = MetadataStore.open(file())) {
        assertThat(content(store)).as("cut at " + length).isEqualTo(Map.of("t/a", "1"));
        store.batch().put("t", "c", bytes("3")).commit(); // and writing goes on
      }
      try (var store = MetadataStore.open(file())) {
        assertThat(content(store)).isEqualTo(Map.of("t/a", "1", "t/c", "3"));
      }
    }
    Files.write(file(), java.util.Arrays.copyOf(whole, lastBatchEnd));
    try (var store = MetadataStore.open(file())) {
      assertThat(content(store)).isEqualTo(Map.of("t/a", "2", "t/b", "2"));
    }
  }

  @Test
  void flippedBitsEndTheLog() throws IOException {
    long before;
    try (var store = MetadataStore.open(file())) {
      store.batch().put("t", "a", bytes("1")).commit();
      before = store.size();
      store.batch().put("t", "b", bytes("2")).commit();
    }
    byte[] whole = Files.readAllBytes(file());
    for (int at = (int) before; at < whole.length - 9; at++) {
      byte[] broken = whole.clone();
      broken[at] ^= 0x10;
      Files.write(file(), broken);
      try (var store = MetadataStore.open(file())) {
        assertThat(content(store)).isEqualTo(Map.of("t/a", "1"));
      }
    }
  }

  @Test
  void emptyAndShortFilesAreNewLogs() throws IOException {
    Files.write(file(), new byte[] {'B', 'U'});
    try (var store = MetadataStore.open(file())) {
      store.batch().put("t", "a", bytes("1")).commit();
    }
    try (var store = MetadataStore.open(file())) {
      assertThat(content(store)).hasSize(1);
    }
  }

  @Test
  void foreignFileIsRefused() throws IOException {
    Files.writeString(file(), "something else altogether");
    assertThatThrownBy(() -> MetadataStore.open(file()))
        .isInstanceOf(BuildException.class)
        .hasMessageContaining("not a metadata log");
    assertThat(file()).hasContent("something else altogether");
  }

  @Test
  void rewritesWhenMostIsGarbage() {
    var settings = new MetadataStore.Settings(false, Duration.ofHours(1), 100_000);
    Map<String, String> expected = new HashMap<>();
    try (var store = MetadataStore.open(file(), settings)) {
      Random random = new Random(1);
      for (int i = 0; i < 5_000; i++) {
        String key = "k" + random.nextInt(50);
        if (random.nextInt(5) == 0) {
          store.batch().delete("t", key).commitLater();
          expected.remove("t/" + key);
        } else {
          store.batch().put("t", key, bytes("v" + i + "x".repeat(100))).commitLater();
          expected.put("t/" + key, "v" + i + "x".repeat(100));
        }
      }
      store.flush();
      store.flush(); // rewriting follows the group that made it due
      assertThat(store.compactions()).isPositive();
      assertThat(store.size()).isLessThan(200_000);
      assertThat(content(store)).isEqualTo(expected);
    }
    try (var store = MetadataStore.open(file(), settings)) {
      assertThat(content(store)).isEqualTo(expected);
    }
  }

  @Test
  void otherBootWithoutCleanEndFallsBackToTheCheckpoint() throws Exception {
    var settings = new MetadataStore.Settings(false, Duration.ofMillis(20), 8 << 20);
    byte[] log;
    try (var store = MetadataStore.open(file(), settings)) {
      store.batch().put("t", "a", bytes("1")).commit();
      long size = store.size();
      while (store.notedUpTo() < size) {
        Thread.sleep(5);
      }
      store.batch().put("t", "b", bytes("2")).commit();
      log = Files.readAllBytes(file());
    }
    byte[] boot = Files.readAllBytes(Path.of("/proc/sys/kernel/random/boot_id"));
    Files.write(file(), log);
    try (var store = MetadataStore.open(file(), settings)) {
      assertThat(content(store)).as("same boot").isEqualTo(Map.of("t/a", "1", "t/b", "2"));
    }
    Files.write(file(), otherBoot(log, boot));
    try (var store = MetadataStore.open(file(), settings)) {
      assertThat(content(store)).as("after a power loss").isEqualTo(Map.of("t/a", "1"));
    }
  }

  /** The log as another boot of the machine would have written it. */
  private static byte[] otherBoot(byte[] log, byte[] boot) {
    byte[] out = log.clone();
    java.nio.ByteBuffer buffer = java.nio.ByteBuffer.wrap(out);
    int length = buffer.getInt(8);
    assertThat(length).isEqualTo(boot.length + 1);
    out[8 + 8 + 1] ^= 1;
    var crc = new java.util.zip.CRC32C();
    crc.update(out, 16, length);
    buffer.putInt(12, (int) crc.getValue() ^ length);
    return out;
  }

  @Test
  void manyCommitAtOnceAndInterruptsDoNoHarm() throws Exception {
    try (var store = MetadataStore.open(file())) {
      try (Scope scope = Scope.open("commits")) {
        for (int t = 0; t < 16; t++) {
          int thread = t;
          scope.fork(
              "commit " + t,
              () -> {
                for (int i = 0; i < 200; i++) {
                  if (i % 10 == 0) {
                    Thread.currentThread().interrupt();
                  }
                  store.batch().put("t", thread + "." + i, bytes("v")).commit();
                  assertThat(get(store, "t", thread + "." + i)).isPresent();
                }
                assertThat(Thread.interrupted()).isTrue();
              });
        }
        scope.join();
      }
      assertThat(store.scan("t", "")).hasSize(3_200);
    }
    try (var store = MetadataStore.open(file())) {
      assertThat(store.scan("t", "")).hasSize(3_200);
    }
  }

  @Test
  void closedStoreRefusesWritesAndClosesTwice() {
    var store = MetadataStore.open(file());
    store.close();
    store.close();
    assertThatThrownBy(() -> store.batch().put("t", "a", bytes("1")).commit())
        .isInstanceOf(BuildException.class);
  }

  @Test
  void toolsReadALogInUse() throws IOException {
    try (var store = MetadataStore.open(file())) {
      store.batch().put("t", "a", bytes("1")).commit();
      Files.write(file(), new byte[] {0, 0, 0, 9, 1}, StandardOpenOption.APPEND);
      Map<String, String> out = new HashMap<>();
      MetadataStore.read(file(), (table, key, value) -> out.put(table + "/" + key, text(value)));
      assertThat(out).isEqualTo(Map.of("t/a", "1"));
    }
  }

  /** What a child process that is killed had reported written is there afterwards. */
  @Test
  void killedProcessLosesNothingItReported() throws Exception {
    for (int round = 0; round < Integer.getInteger("stress", 2); round++) {
      Path log = temp.resolve("killed" + round + ".log");
      Process child =
          new ProcessBuilder(
                  ProcessHandle.current().info().command().orElse("java"),
                  "--enable-native-access=ALL-UNNAMED",
                  "-XX:TieredStopAtLevel=1",
                  "-cp",
                  System.getProperty("java.class.path"),
                  Writer.class.getName(),
                  log.toString())
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      int reported = -1;
      try (var lines = child.inputReader()) {
        int wanted = 500 + 777 * round;
        for (String line; (line = lines.readLine()) != null; ) {
          reported = Integer.parseInt(line);
          if (reported >= wanted) {
            child.destroyForcibly();
          }
        }
      } catch (IOException e) {
        // the pipe ends with the child
      }
      child.waitFor();
      assertThat(reported).isGreaterThan(0);
      try (var store = MetadataStore.open(log)) {
        int rows = store.scan("t", "").size();
        assertThat(rows).isGreaterThan(reported);
        assertThat(store.scan("u", "")).as("batches are whole").hasSize(rows);
        for (int i = 0; i <= reported; i++) {
          assertThat(get(store, "t", "k" + i)).isPresent();
        }
      }
    }
  }

  /** The child: commits until it is killed. */
  static final class Writer {
    public static void main(String[] args) {
      var settings = new MetadataStore.Settings(false, Duration.ofMillis(50), 200_000);
      MetadataStore store = MetadataStore.open(Path.of(args[0]), settings);
      for (int i = 0; ; i++) {
        store
            .batch()
            .put("t", "k" + i, new byte[50])
            .put("u", "k" + i, new byte[50])
            .put("v", "same", new byte[100])
            .commit();
        System.out.println(i);
      }
    }
  }
}
