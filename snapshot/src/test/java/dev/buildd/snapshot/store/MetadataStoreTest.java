package dev.buildd.snapshot.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

class MetadataStoreTest {
  private static final Table T = Table.REF;
  private static final Table U = Table.REF_USE;

  @TempDir Path temp;

  private Path directory() {
    return temp.resolve("metadata");
  }

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  static String text(byte[] value) {
    return new String(value, StandardCharsets.UTF_8);
  }

  static Map<String, String> content(MetadataStore store) {
    Map<String, String> out = new TreeMap<>();
    store.dump((table, key, value) -> out.put(table.text() + "/" + text(key), text(value)));
    return out;
  }

  private static List<String> keys(MetadataStore store, Table table, String prefix) {
    List<String> out = new ArrayList<>();
    store.scan(table, bytes(prefix), (key, value) -> out.add(text(key)));
    return out;
  }

  @Test
  void whatIsCommittedWithTheNextIsThereForWhoAsks() {
    try (MetadataStore store = MetadataStore.open(directory())) {
      byte[] one = {1};
      store.batch().put(T, "read", one).commitWithNext();
      assertThat(store.get(T, "read")).hasValue(one);
      store.batch().put(T, "scanned", one).commitWithNext();
      assertThat(store.hasAny(T, "scanned".getBytes(StandardCharsets.UTF_8))).isTrue();
      store.batch().put(T, "awaited", one).commitWithNext().await();
      store.batch().put(T, "order", one).commitWithNext();
      store.batch().put(T, "order", new byte[] {2}).commit();
      assertThat(store.get(T, "order")).hasValue(new byte[] {2});
      store.batch().put(T, "flushed", one).commitWithNext();
      store.flush();
      store.batch().put(T, "closed", one).commitWithNext();
    }
    try (MetadataStore store = MetadataStore.open(directory())) {
      for (String key : List.of("read", "scanned", "awaited", "order", "flushed", "closed")) {
        assertThat(store.get(T, key)).as(key).isPresent();
      }
    }
  }

  @Test
  void committedIsReadableNowAndLater() {
    try (var store = MetadataStore.open(directory())) {
      store.batch().put(T, "a", bytes("1")).put(T, "b", bytes("2")).commit();
      store.batch().put(T, "a", bytes("3")).delete(T, "b").put(U, "é", bytes("4")).commit();
      assertThat(store.get(T, "a")).hasValue(bytes("3"));
      assertThat(store.get(T, "b")).isEmpty();
      assertThat(store.get(Table.HISTORY, "b")).isEmpty();
    }
    try (var store = MetadataStore.open(directory())) {
      assertThat(content(store)).isEqualTo(Map.of("ref/a", "3", "ref.use/é", "4"));
    }
    assertThat(directory().resolve("opened")).doesNotExist();
  }

  @Test
  @Timeout(30)
  void whatFailsOnceABatchIsWrittenHangsNobody() {
    try (var store = MetadataStore.open(directory())) {
      store
          .batch()
          .put(T, "a", bytes("1"))
          .afterwards(() -> {
            throw new OutOfMemoryError("for the test");
          })
          .commit();
      store.batch().put(T, "b", bytes("2")).commit();
      assertThat(store.get(T, "a")).hasValue(bytes("1"));
      assertThat(store.get(T, "b")).hasValue(bytes("2"));
    }
  }

  @Test
  void scansByPrefixInOrder() {
    try (var store = MetadataStore.open(directory())) {
      for (String key : new String[] {"b", "a2", "a1", "a", "\uD83D\uDE00"}) {
        store.batch().put(T, key, bytes(key)).commitLater();
      }
      store.batch().put(U, "a3", bytes("")).put(T, new byte[] {-1, -1}, bytes("")).commitLater();
      assertThat(keys(store, T, "a")).containsExactly("a", "a1", "a2");
      assertThat(keys(store, T, "")).hasSize(6);
      assertThat(keys(store, Table.HISTORY, "")).isEmpty();
      assertThat(store.lastKey(T)).hasValue(new byte[] {-1, -1});
      assertThat(store.lastKey(Table.SNAPSHOT)).isEmpty();
      assertThat(store.hasAny(T, bytes("a"))).isTrue();
      assertThat(store.hasAny(T, bytes("c"))).isFalse();
      List<Integer> some = new ArrayList<>();
      store.scan(T, new byte[] {-1}, (key, value) -> some.add(key.length));
      assertThat(some).containsExactly(2);
    }
  }

  @Test
  void scansMoreThanIsReadAtOnce() {
    try (var store = MetadataStore.open(directory())) {
      MetadataStore.Batch batch = store.batch();
      for (int i = 0; i < 5_000; i++) {
        batch.put(T, "%05d".formatted(i), bytes("v"));
      }
      batch.commit();
      List<String> found = new ArrayList<>();
      store.scan(
          T,
          new byte[0],
          (key, value) -> {
            store.get(T, key); // the store may be used meanwhile
            found.add(text(key));
            return true;
          });
      assertThat(found).hasSize(5_000).isSorted().doesNotHaveDuplicates();
    }
  }

  @Test
  void manyCommitAtOnceAndInterruptsDoNoHarm() throws Exception {
    try (var store = MetadataStore.open(directory())) {
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
                  store.batch().put(T, thread + "." + i, bytes("v")).commit();
                  assertThat(store.get(T, thread + "." + i)).isPresent();
                }
                assertThat(Thread.interrupted()).isTrue();
              });
        }
        scope.join();
      }
      assertThat(keys(store, T, "")).hasSize(3_200);
    }
    try (var store = MetadataStore.open(directory())) {
      assertThat(keys(store, T, "")).hasSize(3_200);
    }
  }

  @Test
  void whoReadsWhatIsBeingWrittenWaitsForIt() {
    try (var store = MetadataStore.open(directory())) {
      for (int i = 0; i < 500; i++) {
        store.batch().put(T, "k", bytes("v" + i)).put(T, "l" + i, bytes("x")).commitLater();
        assertThat(store.get(T, "k").map(MetadataStoreTest::text)).hasValue("v" + i);
        assertThat(store.hasAny(T, bytes("l" + i))).isTrue();
      }
    }
  }

  @Test
  void whatCannotBeWrittenFailsAloneAndTheStoreGoesOn() {
    try (var store = MetadataStore.open(directory())) {
      assertThatThrownBy(() -> store.batch().put(T, "big", new byte[65 << 20]).commit())
          .isInstanceOf(BuildException.class)
          .extracting(e -> ((BuildException) e).category())
          .isEqualTo(Category.RESOURCE_EXHAUSTED);
      store.batch().put(T, "k", bytes("v")).commit();
      assertThat(content(store)).isEqualTo(Map.of("ref/k", "v"));
    }
  }

  @Test
  void closedStoreRefusesWritesAndClosesTwice() {
    var store = MetadataStore.open(directory());
    store.close();
    store.close();
    assertThatThrownBy(() -> store.batch().put(T, "a", bytes("1")).commit())
        .isInstanceOf(BuildException.class);
  }

  @Test
  void toolsReadAStoreInUse() throws IOException {
    try (var store = MetadataStore.open(directory())) {
      store.batch().put(T, "a", bytes("1")).commit();
      Map<String, String> out = new HashMap<>();
      MetadataStore.read(
          directory(), (table, key, value) -> out.put(table.text() + "/" + text(key), text(value)));
      assertThat(out).isEqualTo(Map.of("ref/a", "1"));
    }
  }

  // --- the log of earlier versions ---

  private static byte[] oldBatch(String... changes) {
    Encoder out = new Encoder();
    for (String change : changes) {
      String[] parts = change.split("=", -1);
      out.flag(parts.length > 1).text("ref").text(parts[0]);
      if (parts.length > 1) {
        out.bytes(bytes(parts[1]));
      }
    }
    return out.toBytes();
  }

  private static byte[] frame(int kind, byte[] payload) {
    byte[] content = new byte[payload.length + 1];
    content[0] = (byte) kind;
    System.arraycopy(payload, 0, content, 1, payload.length);
    CRC32C crc = new CRC32C();
    crc.update(content);
    return ByteBuffer.allocate(8 + content.length)
        .putInt(content.length)
        .putInt((int) crc.getValue() ^ content.length)
        .put(content)
        .array();
  }

  private void writeOldLog(byte[]... frames) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(bytes("BUILDDL1"));
    for (byte[] frame : frames) {
      out.write(frame);
    }
    Files.write(temp.resolve("metadata.log"), out.toByteArray());
  }

  @Test
  void anOldLogIsTakenOverOnce() throws IOException {
    writeOldLog(
        frame(1, bytes(StoreDirectory.bootId())),
        frame(0, oldBatch("a=1", "b=2")),
        frame(0, oldBatch("a=3", "b", "c=4")),
        frame(3, new byte[0]));
    Files.createDirectories(directory().resolve("db.new")); // left by one who died at it
    try (var store = MetadataStore.open(directory())) {
      assertThat(content(store)).isEqualTo(Map.of("ref/a", "3", "ref/c", "4"));
      store.batch().delete(T, "a").commit();
    }
    assertThat(temp.resolve("metadata.log")).doesNotExist();
    writeOldLog(frame(0, oldBatch("a=1"))); // one who died before the log was deleted
    try (var store = MetadataStore.open(directory())) {
      assertThat(content(store)).isEqualTo(Map.of("ref/c", "4"));
    }
  }

  @Test
  void ofAnOldLogOnlyWhatCanBeTrustedIsTaken() throws IOException {
    byte[] opened = frame(1, bytes("another boot"));
    byte[] first = frame(0, oldBatch("a=1"));
    byte[] checkpoint = frame(2, new Encoder().number(8 + opened.length + first.length).toBytes());
    writeOldLog(opened, first, checkpoint, frame(0, oldBatch("b=2")));
    try (var store = MetadataStore.open(directory())) {
      assertThat(content(store)).as("after a power loss").isEqualTo(Map.of("ref/a", "1"));
    }
    Path other = temp.resolve("torn");
    byte[] second = frame(0, oldBatch("b=2"));
    writeOldLog(first, Arrays.copyOf(second, second.length - 1));
    Files.move(temp.resolve("metadata.log"), temp.resolve("torn.log"));
    try (var store = MetadataStore.open(other)) {
      assertThat(content(store)).isEqualTo(Map.of("ref/a", "1"));
    }
  }

  @Test
  void aForeignFileIsRefused() throws IOException {
    Path file = temp.resolve("metadata.log");
    Files.writeString(file, "something else altogether");
    assertThatThrownBy(() -> MetadataStore.open(directory()))
        .isInstanceOf(BuildException.class)
        .hasMessageContaining("not a metadata log");
    assertThat(file).hasContent("something else altogether");
  }

  // --- a kill ---

  /** What a child process that is killed had reported written is there afterwards. */
  @Test
  void killedProcessLosesNothingItReported() throws Exception {
    for (int round = 0; round < Integer.getInteger("stress", 2); round++) {
      Path killed = temp.resolve("killed" + round);
      Process child =
          new ProcessBuilder(
                  ProcessHandle.current().info().command().orElse("java"),
                  "--enable-native-access=ALL-UNNAMED",
                  "-XX:TieredStopAtLevel=1",
                  "-cp",
                  System.getProperty("java.class.path"),
                  Writer.class.getName(),
                  killed.toString())
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
      try (var store = MetadataStore.open(killed)) {
        int rows = keys(store, T, "").size();
        assertThat(rows).isGreaterThan(reported);
        assertThat(keys(store, U, "")).as("batches are whole").hasSize(rows);
        for (int i = 0; i <= reported; i++) {
          assertThat(store.get(T, "k" + i)).isPresent();
        }
      }
    }
  }

  /** The child: commits until it is killed. */
  static final class Writer {
    public static void main(String[] args) {
      MetadataStore store = MetadataStore.open(Path.of(args[0]));
      for (int i = 0; ; i++) {
        store
            .batch()
            .put(T, "k" + i, new byte[50])
            .put(U, "k" + i, new byte[50])
            .put(Table.REF_VALUE, "same", new byte[100])
            .commit();
        System.out.println(i);
      }
    }
  }
}
