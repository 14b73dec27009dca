package dev.buildd.snapshot.store;

import static dev.buildd.snapshot.store.MetadataStoreTest.bytes;
import static dev.buildd.snapshot.store.MetadataStoreTest.content;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.FileTree;
import dev.buildd.base.linux.Linux;
import dev.buildd.snapshot.LayerFiles;
import dev.buildd.snapshot.Mount;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is left of a store after a power loss, damage, and on a full disk. */
class StoreFaultsTest {
  private static final Table T = Table.REF;

  @TempDir Path temp;

  private static MetadataStore.Settings boot(String name, Runnable synced) {
    return new MetadataStore.Settings(Duration.ofHours(1), name, descriptor -> synced.run());
  }

  private static void copy(Path from, Path to) throws IOException {
    Files.createDirectories(to);
    for (Path file : LayerFiles.list(from)) {
      Path target = to.resolve(file.getFileName());
      if (Files.isDirectory(file)) {
        copy(file, target);
      } else if (!file.getFileName().toString().equals("reserve")) {
        Files.copy(file, target);
      }
    }
  }

  // --- power loss ---

  /**
   * A recorded sequence of commits, syncs and tables made permanent, cut off behind each of its
   * steps: with all that was written on disk, and with parts of what no sync has brought there.
   */
  @Test
  void afterAPowerLossNothingIsTrustedThatNoSyncFollowed() throws Exception {
    Path live = temp.resolve("live");
    List<Map<String, String>> states = new ArrayList<>(List.of(Map.of()));
    Map<String, String> now = new TreeMap<>();
    int[] vouched = {0}; // how many commits the last sync followed
    int step = 0;
    try (var store =
        MetadataStore.open(live, boot("first", () -> vouched[0] = states.size() - 1))) {
      for (int i = 0; i < 40; i++) {
        if (i % 7 == 6) {
          store.checkpoint();
        } else if (i % 17 == 16) {
          store.writeTables();
        } else {
          String key = "k" + i % 5;
          now.put("ref/" + key, "v" + i);
          store.batch().put(T, key, bytes("v" + i)).commit();
          states.add(Map.copyOf(now));
        }
        for (int lost : new int[] {0, 40, 100_000}) {
          Path found = temp.resolve("found" + step++);
          copy(live, found);
          cutLogs(found.resolve("db"), lost);
          Map<String, String> trusted;
          try (var after = MetadataStore.open(found, boot("second", () -> {}))) {
            trusted = content(after);
            after.batch().put(Table.REF_USE, "more", bytes("x")).commit();
          }
          int at = states.lastIndexOf(trusted);
          assertThat(at).as("step " + i + " gives a state that was").isNotNegative();
          assertThat(at)
              .as("step " + i + " trusts no more than was synced")
              .isLessThanOrEqualTo(vouched[0]);
          if (lost == 0) {
            assertThat(at).as("step " + i + " keeps what was synced").isEqualTo(vouched[0]);
          }
          if (lost == 0) {
            try (var again = MetadataStore.open(found, boot("second", () -> {}))) {
              assertThat(content(again)).hasSize(trusted.size() + 1);
            }
          }
          FileTree.delete(found);
        }
      }
    }
  }

  /** Takes bytes off the ends of the logs, which nobody has synced. */
  private static void cutLogs(Path database, int bytes) throws IOException {
    for (Path file : LayerFiles.list(database)) {
      if (bytes > 0 && file.toString().endsWith(".log")) {
        Linux.truncate(file, Math.max(0, Files.size(file) - bytes));
      }
    }
  }

  @Test
  void afterAKillAllIsThere() throws Exception {
    Path live = temp.resolve("live");
    try (var store = MetadataStore.open(live, boot("first", () -> {}))) {
      store.batch().put(T, "a", bytes("1")).commit();
      store.writeTables();
      store.batch().put(T, "b", bytes("2")).commit();
      copy(live, temp.resolve("found"));
    }
    try (var after = MetadataStore.open(temp.resolve("found"), boot("first", () -> {}))) {
      assertThat(content(after)).containsOnlyKeys("ref/a", "ref/b");
    }
  }

  // --- damage ---

  /** A store with rows in several tables of several files, and what it holds. */
  private Map<String, String> fill(Path at, boolean clean) throws IOException {
    Path live = temp.resolve("live");
    Map<String, String> out;
    try (var store = MetadataStore.open(live, boot("first", () -> {}))) {
      for (int part = 0; part < 3; part++) {
        for (int i = 0; i < 400; i++) {
          String key = "k" + part + "." + i;
          store
              .batch()
              .put(T, key, bytes("value of " + key))
              .put(Table.KEY, "same" + i, bytes("part " + part))
              .commitLater();
        }
        store.flush();
        store.writeTables();
      }
      store.batch().put(T, "last", bytes("value of last")).commit();
      out = content(store);
      if (!clean) {
        copy(live, at);
      }
    }
    if (clean) {
      copy(live, at);
    }
    FileTree.delete(live);
    return out;
  }

  private void assertMends(Path whole, Map<String, String> expected, Damage damage, int least)
      throws IOException {
    Path found = temp.resolve("found");
    copy(whole, found);
    damage.damage(found);
    try (var store = MetadataStore.open(found, boot("first", () -> {}))) {
      Map<String, String> left = content(store);
      int size = left.size();
      left.entrySet().removeAll(expected.entrySet());
      assertThat(left).as("nothing is wrong").isEmpty();
      assertThat(size).isGreaterThanOrEqualTo(least);
      store.batch().put(T, "new", bytes("1")).commit();
    }
    try (var store = MetadataStore.open(found, boot("first", () -> {}))) {
      assertThat(store.get(T, "new")).hasValue(bytes("1"));
    }
    FileTree.delete(found);
  }

  private interface Damage {
    void damage(Path store) throws IOException;
  }

  @Test
  void aFlippedByteOrAShortFileLosesSomethingButIsNeverWrong() throws Exception {
    for (boolean clean : new boolean[] {true, false}) {
      Path whole = temp.resolve("whole" + clean);
      Map<String, String> expected = fill(whole, clean);
      List<Path> files = new ArrayList<>();
      for (Path file : LayerFiles.list(whole)) {
        files.add(file);
      }
      files.addAll(LayerFiles.list(whole.resolve("db")));
      for (Path file : files) {
        if (Files.isDirectory(file) || Files.size(file) == 0) {
          continue;
        }
        Path relative = whole.relativize(file);
        boolean holdsRows = file.toString().endsWith(".sst") || file.toString().endsWith(".log");
        // without its mark the store takes its end for a power loss, and trusts the tables only
        int unvouched = file.endsWith("opened") ? 1 : 0;
        int least = holdsRows ? 0 : expected.size() - unvouched;
        int size = (int) Files.size(file);
        for (int at : new int[] {0, size / 2, size - 20}) {
          if (at >= 0) {
            assertMends(whole, expected, store -> flip(store.resolve(relative), at), least);
          }
        }
        for (int length : new int[] {size / 2, size - 1}) {
          assertMends(
              whole, expected, store -> Linux.truncate(store.resolve(relative), length), least);
        }
        assertMends(whole, expected, store -> Files.delete(store.resolve(relative)), least);
      }
    }
  }

  private static void flip(Path file, int at) throws IOException {
    byte[] content = Files.readAllBytes(file);
    content[at] ^= 0x10;
    Files.write(file, content);
  }

  @Test
  void ofADamagedTableMostIsKept() throws Exception {
    Path live = temp.resolve("live");
    try (var store = MetadataStore.open(live)) {
      for (int i = 0; i < 20_000; i++) {
        byte[] value = new byte[50];
        Arrays.fill(value, (byte) i);
        store.batch().put(T, "k" + (i * 7919L % 20_011), value).commitLater();
      }
    }
    Path table =
        LayerFiles.list(live.resolve("db")).stream()
            .filter(file -> file.toString().endsWith(".sst"))
            .findFirst()
            .orElseThrow();
    flip(table, (int) Files.size(table) / 2);
    try (var store = MetadataStore.open(live)) {
      store.batch().put(T, "new", bytes("1")).commit();
      assertThat(content(store).size()).isBetween(18_000, 20_000);
    }
  }

  // --- a full disk ---

  @Test
  @Tag("root")
  void onAFullDiskCommitsFailUntilThereIsSpaceAgain() throws Exception {
    Path disk = Files.createDirectory(temp.resolve("disk"));
    new Mount("tmpfs", "tmpfs", List.of("size=64m")).at(disk);
    try {
      MetadataStore store = MetadataStore.open(disk.resolve("metadata"));
      try {
        store.batch().put(T, "before", bytes("1")).commit();
        Path fill = disk.resolve("fill");
        fill(fill);
        String failed = "";
        for (int i = 0; failed.isEmpty(); i++) { // the log's last page may have room
          try {
            store.batch().put(T, "k" + i, new byte[4096]).commit();
          } catch (BuildException e) {
            assertThat(e.category()).isEqualTo(Category.RESOURCE_EXHAUSTED);
            failed = "k" + i;
          }
        }
        String first = failed;
        for (int i = 0; i < 3; i++) {
          assertThatThrownBy(() -> store.batch().put(T, first, new byte[4096]).commit())
              .isInstanceOf(BuildException.class)
              .extracting(e -> ((BuildException) e).category())
              .isEqualTo(Category.RESOURCE_EXHAUSTED);
        }
        assertThat(store.get(T, first)).isEmpty();
        assertThat(store.get(T, "before")).hasValue(bytes("1"));
        Files.delete(fill);
        commitAtLast(store, first, bytes("2"));
        assertThat(store.get(T, first)).hasValue(bytes("2"));
      } finally {
        store.close();
      }
      try (var again = MetadataStore.open(disk.resolve("metadata"))) {
        assertThat(again.get(T, "before")).hasValue(bytes("1"));
        assertThat(content(again)).containsValue("2");
      }
    } finally {
      Mount.detachAllBelow(temp.toRealPath());
    }
  }

  /** A store looks for space again twice a second. */
  private static void commitAtLast(MetadataStore store, String key, byte[] value) {
    long end = System.nanoTime() + Duration.ofSeconds(30).toNanos();
    while (true) {
      try {
        store.batch().put(T, key, value).commit();
        return;
      } catch (BuildException e) {
        assertThat(System.nanoTime()).isLessThan(end);
      }
    }
  }

  @Test
  @Tag("root")
  void whatFreesSpaceIsWrittenOnAFullDisk() throws Exception {
    Path disk = Files.createDirectory(temp.resolve("disk"));
    new Mount("tmpfs", "tmpfs", List.of("size=200m")).at(disk);
    try (var store = MetadataStore.open(disk.resolve("metadata"))) {
      for (int i = 0; i < 1_000; i++) {
        store.batch().put(T, "k" + i, new byte[1000]).commitLater();
      }
      store.flush();
      fill(disk.resolve("fill"));
      MetadataStore.Batch all = store.batch();
      for (int i = 0; i < 1_000; i++) {
        all.delete(T, "k" + i);
      }
      all.freesSpace().commit();
      assertThat(content(store)).isEmpty();
    } finally {
      Mount.detachAllBelow(temp.toRealPath());
    }
  }

  private static void fill(Path file) throws IOException {
    try (OutputStream out = Files.newOutputStream(file)) {
      for (int size = 1 << 20; size > 0; size /= 2) {
        try {
          while (true) {
            out.write(new byte[size]);
          }
        } catch (IOException e) {
          // with smaller pieces
        }
      }
    }
  }
}
