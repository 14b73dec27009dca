package dev.buildd.snapshot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.FileNames;
import dev.buildd.base.linux.FileTree;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.Stat;
import dev.buildd.snapshot.store.MetadataStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What every snapshotter does. */
@Tag("root")
abstract class SnapshotterContract {
  @TempDir Path temp;
  MetadataStore store;
  Snapshotter snapshots;

  abstract Snapshotter open(Path root, MetadataStore store);

  /** Work on the files of a snapshot. */
  interface Change {
    void apply(Path root) throws IOException;
  }

  @BeforeEach
  void start() {
    store = MetadataStore.open(temp.resolve("metadata"));
    snapshots = open(temp.resolve("snapshots"), store);
  }

  @AfterEach
  void stop() throws IOException {
    snapshots.close();
    store.close();
    assertThat(Files.readString(Path.of("/proc/self/mountinfo")))
        .doesNotContain(temp.toRealPath().toString());
  }

  void restart() {
    snapshots.close();
    store.close();
    start();
  }

  void in(List<Mount> mounts, Change body) throws IOException {
    Path at = Files.createTempDirectory(temp, "m");
    mounts.getFirst().at(at);
    try {
      body.apply(at);
    } finally {
      Linux.umount(at, 0);
      Files.delete(at);
    }
  }

  String layer(Optional<String> parent, Change change) throws IOException {
    String id = snapshots.prepare(parent);
    in(snapshots.mounts(id), change);
    commit(id);
    return id;
  }

  void commit(String id) {
    snapshots.commit(id).await();
  }

  String merge(String... ids) {
    String id = snapshots.merge(List.of(ids));
    snapshots.keep(id).await();
    return id;
  }

  String diff(Optional<String> lower, Optional<String> upper) {
    String id = snapshots.diff(lower, upper);
    snapshots.keep(id).await();
    return id;
  }

  void remove(String id) {
    snapshots.remove(List.of(id));
  }

  static Change write(String name, String content) {
    return root -> {
      Files.createDirectories(root.resolve(name).getParent());
      Files.writeString(FileNames.raw(root.resolve(name)), content);
    };
  }

  /** Paths with content, link target or kind, as a reader of the mounted snapshot sees them. */
  SortedMap<String, String> tree(String id) throws IOException {
    SortedMap<String, String> out = new TreeMap<>();
    in(snapshots.view(id), root -> read(root, root, out));
    return out;
  }

  private static void read(Path root, Path at, SortedMap<String, String> out) throws IOException {
    for (Path path : LayerFiles.list(at)) {
      Stat stat = Linux.lstat(path);
      String name = root.relativize(path).toString();
      switch (stat.type()) {
        case Stat.S_IFDIR -> {
          out.put(name, "/");
          read(root, path, out);
        }
        case Stat.S_IFLNK -> out.put(name, "->" + Linux.readlink(path));
        case Stat.S_IFREG -> out.put(name, Files.readString(FileNames.raw(path)));
        default -> out.put(name, "device " + stat.rdev());
      }
    }
  }

  static SortedMap<String, String> expected(String... pairs) {
    SortedMap<String, String> out = new TreeMap<>();
    for (int i = 0; i < pairs.length; i += 2) {
      out.put(pairs[i], pairs[i + 1]);
    }
    return out;
  }

  /** A small snapshot, written and read as the cache does it: pinned meanwhile. */
  String small(Change change) throws IOException {
    String id = snapshots.prepareSmall();
    snapshots.pin(id);
    in(snapshots.mounts(id), change);
    snapshots.unpin(id);
    commit(id);
    return id;
  }

  SortedMap<String, String> pinnedTree(String id) throws IOException {
    snapshots.pin(id);
    try {
      return tree(id);
    } finally {
      snapshots.unpin(id);
    }
  }

  @Test
  void inAMergeALayerHidesOnlyWhatItChanged() throws IOException {
    String base = layer(Optional.empty(), write("d/a", "a"));
    String other = layer(Optional.empty(), write("d/e", "e"));
    String renewed =
        layer(
            Optional.of(base),
            root -> { // on overlayfs the new directory is opaque
              FileTree.delete(root.resolve("d"));
              write("d/new", "new").apply(root);
            });
    assertThat(tree(merge(other, renewed)))
        .isEqualTo(expected("d", "/", "d/e", "e", "d/new", "new"));
    assertThat(tree(renewed)).as("the layer itself").isEqualTo(expected("d", "/", "d/new", "new"));
    String back =
        layer(
            Optional.of(base),
            root -> { // comes back as it was; on overlayfs a copy of it stays in the layer
              Linux.rename(root.resolve("d/a"), root.resolve("d/b"), 0);
              Linux.rename(root.resolve("d/b"), root.resolve("d/a"), 0);
              write("d/c", "c").apply(root);
            });
    assertThat(tree(diff(Optional.of(base), Optional.of(back))))
        .isEqualTo(expected("d", "/", "d/c", "c"));
    restart();
    assertThat(tree(merge(other, renewed)))
        .isEqualTo(expected("d", "/", "d/e", "e", "d/new", "new"));
  }

  @Test
  void aDiffKeepsDeletionsThoughALayerComesTwice() throws IOException {
    String a = layer(Optional.empty(), write("a", "a"));
    String b = layer(Optional.empty(), write("b", "b"));
    String d = layer(Optional.empty(), write("d", "d"));
    String below = merge(a, b);
    String above = layer(Optional.of(merge(below, d, a)), root -> Linux.unlink(root.resolve("d")));
    String other = layer(Optional.empty(), write("d", "other"));
    assertThat(tree(merge(other, diff(Optional.of(below), Optional.of(above)))))
        .isEqualTo(expected("a", "a"));
  }

  @Test
  void smallSnapshotsAreAsGoodAsOthers() throws IOException {
    String id =
        small(root -> {
          write("d/f", "text").apply(root);
          Linux.symlink("d/f", root.resolve("l"));
          Linux.chmod(root.resolve("d/f"), 04751);
          Linux.lchown(root.resolve("l"), 12, 34);
          Linux.utimensat(root.resolve("d/f"), Linux.UTIME_OMIT, 1_234_567_890_123_456_789L);
          Linux.utimensat(root.resolve("d"), Linux.UTIME_OMIT, 987_654_321_000_000_001L);
        });
    SortedMap<String, String> expected = expected("d", "/", "d/f", "text", "l", "->d/f");
    assertThat(pinnedTree(id)).isEqualTo(expected);
    restart();
    assertThat(pinnedTree(id)).isEqualTo(expected);
    assertThat(tree(id)).as("not pinned").isEqualTo(expected);
    in(
        snapshots.view(id),
        root -> {
          assertThat(Linux.lstat(root).permissions()).isEqualTo(0755);
          Stat file = Linux.lstat(root.resolve("d/f"));
          assertThat(file.permissions()).isEqualTo(04751);
          assertThat(file.mtimeNanos()).isEqualTo(1_234_567_890_123_456_789L);
          assertThat(Linux.lstat(root.resolve("d")).mtimeNanos())
              .isEqualTo(987_654_321_000_000_001L);
          assertThat(Linux.lstat(root.resolve("l")).uid()).isEqualTo(12);
          assertThat(Linux.lstat(root.resolve("l")).gid()).isEqualTo(34);
        });
    String child = layer(Optional.of(id), write("d/g", "more"));
    assertThat(tree(child)).containsEntry("d/f", "text").containsEntry("d/g", "more");
    String other = small(write("x", "x"));
    assertThat(tree(merge(other, id))).containsEntry("x", "x").containsEntry("d/f", "text");
    restart();
    assertThat(tree(child)).containsEntry("d/f", "text").containsEntry("d/g", "more");
  }

  @Test
  void whatWasNotSmallIsKeptAllTheSame() throws IOException {
    String large = small(write("f", "x".repeat(100_000)));
    String linked =
        small(root -> {
          write("a", "one").apply(root);
          Linux.link(root.resolve("a"), root.resolve("b"));
        });
    restart();
    assertThat(pinnedTree(large)).containsEntry("f", "x".repeat(100_000));
    in(
        snapshots.view(linked),
        root ->
            assertThat(Linux.lstat(root.resolve("a")).ino())
                .isEqualTo(Linux.lstat(root.resolve("b")).ino()));
  }

  @Test
  void smallSnapshotsCanBeRemovedAtAnyTime() throws IOException {
    String unfinished = snapshots.prepareSmall();
    remove(unfinished);
    String finished = small(write("f", "x"));
    snapshots.pin(finished);
    remove(finished);
    snapshots.unpin(finished);
    assertThat(snapshots.ids()).isEmpty();
  }

  @Test
  void childSeesItsParentsAndChangesOnlyItself() throws IOException {
    String a = layer(Optional.empty(), write("d/a", "1"));
    String b =
        layer(
            Optional.of(a),
            root -> {
              Files.writeString(root.resolve("d/a"), "2");
              Files.writeString(root.resolve("b"), "new");
            });
    assertThat(tree(a)).isEqualTo(expected("d", "/", "d/a", "1"));
    assertThat(tree(b)).isEqualTo(expected("b", "new", "d", "/", "d/a", "2"));
  }

  @Test
  void loneSnapshotNeedsNoMount() {
    String id = snapshots.prepare(Optional.empty());
    assertThat(snapshots.mounts(id)).hasSize(1);
    assertThat(snapshots.mounts(id).getFirst().directory()).isPresent();
    assertThat(snapshots.mounts(id).getFirst().isReadOnly()).isFalse();
    commit(id);
    assertThat(snapshots.mounts(id).getFirst().isReadOnly()).isTrue();
    remove(id);
  }

  @Test
  void deletedAndReplacedFilesStayGone() throws IOException {
    String a =
        layer(
            Optional.empty(),
            root -> {
              write("d/x", "x").apply(root);
              write("d/y", "y").apply(root);
              write("f", "f").apply(root);
              write("e/z", "z").apply(root);
            });
    String b =
        layer(
            Optional.of(a),
            root -> {
              Files.delete(root.resolve("d/x"));
              Files.delete(root.resolve("f"));
              Files.createDirectory(root.resolve("f"));
              Files.delete(root.resolve("e/z"));
              Files.delete(root.resolve("e"));
              Files.createDirectory(root.resolve("e"));
              Files.writeString(root.resolve("e/new"), "n");
            });
    assertThat(tree(b)).isEqualTo(expected("d", "/", "d/y", "y", "e", "/", "e/new", "n", "f", "/"));
  }

  @Test
  void committedCannotBeWrittenOrCommittedAgain() throws IOException {
    String a = layer(Optional.empty(), write("a", "1"));
    in(
        snapshots.mounts(a),
        root ->
            assertThatThrownBy(() -> Files.writeString(root.resolve("a"), "2"))
                .isInstanceOf(IOException.class));
    assertThatThrownBy(() -> commit(a)).isInstanceOf(BuildException.class);
  }

  @Test
  void onlyCommittedCanBeBuiltUponAndOnlyLeavesRemoved() throws IOException {
    String active = snapshots.prepare(Optional.empty());
    assertThatThrownBy(() -> snapshots.prepare(Optional.of(active)))
        .extracting(e -> ((BuildException) e).category())
        .isEqualTo(Category.FAILED_PRECONDITION);
    commit(active);
    String child = layer(Optional.of(active), write("c", "c"));
    assertThatThrownBy(() -> remove(active))
        .extracting(e -> ((BuildException) e).category())
        .isEqualTo(Category.FAILED_PRECONDITION);
    remove(child);
    remove(active);
    assertThat(snapshots.ids()).isEmpty();
    assertThatThrownBy(() -> snapshots.mounts(active))
        .extracting(e -> ((BuildException) e).category())
        .isEqualTo(Category.NOT_FOUND);
  }

  @Test
  void restartKeepsWhatIsRecordedAndNothingElse() throws IOException {
    String a = layer(Optional.empty(), write("a", "1"));
    String b = layer(Optional.of(a), write("b", "2"));
    String kept = snapshots.prepare(Optional.of(b));
    in(snapshots.mounts(kept), write("k", "3"));
    snapshots.keep(kept).await();
    in(snapshots.mounts(snapshots.prepare(Optional.of(b))), write("lost", "4"));
    snapshots.merge(List.of(a, b)); // not kept
    restart();
    assertThat(snapshots.ids()).containsExactlyInAnyOrder(a, b, kept);
    in(snapshots.mounts(kept), write("more", "5"));
    commit(kept);
    assertThat(tree(kept)).isEqualTo(expected("a", "1", "b", "2", "k", "3", "more", "5"));
    assertThat(tree(layer(Optional.of(kept), write("z", "z")))).hasSize(5);
  }

  @Test
  void severalAreRemovedWithThoseThatTheyBuildUpon() throws IOException {
    String a = layer(Optional.empty(), write("a", "1"));
    String b = layer(Optional.of(a), write("b", "2"));
    String needed = layer(Optional.empty(), write("c", "3"));
    String child = layer(Optional.of(needed), write("d", "4"));
    assertThatThrownBy(() -> snapshots.remove(List.of(b, needed, a)))
        .hasMessageContaining("snapshot " + needed + " has children, cannot be removed");
    assertThat(snapshots.ids()).containsExactlyInAnyOrder(needed, child);
    restart();
    assertThat(snapshots.ids()).containsExactlyInAnyOrder(needed, child);
    assertThat(store.needsCheck()).isTrue(); // whoever wanted it gone does not speak of it any more
    restart();
    assertThat(store.needsCheck()).isFalse();
  }

  @Test
  void restartUnmountsWhatADeadProcessLeft() throws IOException {
    String a = layer(Optional.empty(), write("a", "1"));
    String b = layer(Optional.of(a), write("b", "1"));
    Path at = Files.createDirectories(temp.resolve("snapshots/left"));
    snapshots.view(b).getFirst().at(at);
    restart();
    assertThat(tree(b)).isEqualTo(expected("a", "1", "b", "1"));
    Files.delete(at);
  }

  @Test
  void usageCountsOwnFilesOnly() throws IOException {
    String a = layer(Optional.empty(), root -> Files.write(root.resolve("a"), new byte[100_000]));
    String b = layer(Optional.of(a), root -> Files.write(root.resolve("b"), new byte[50_000]));
    String e = layer(Optional.of(b), root -> {});
    assertThat(snapshots.usage(a).bytes()).isBetween(100_000L, 120_000L);
    assertThat(snapshots.usage(b).bytes()).isGreaterThanOrEqualTo(50_000L);
    assertThat(snapshots.usage(e).inodes()).isGreaterThanOrEqualTo(1);
  }

  @Test
  void ownersModesLinksAndAttributesAreKept() throws IOException {
    String a =
        layer(
            Optional.empty(),
            root -> {
              write("f", "f").apply(root);
              Linux.lchown(root.resolve("f"), 70_000, 80_000);
              Linux.chmod(root.resolve("f"), 04755);
              Linux.setxattr(root.resolve("f"), "user.k", new byte[] {0, (byte) 255});
              Linux.symlink("nowhere", root.resolve("l"));
              Linux.link(root.resolve("f"), root.resolve("h"));
              Linux.mknod(root.resolve("null"), Stat.S_IFCHR | 0666, Linux.makeDevice(1, 3));
              Linux.utimensat(root.resolve("f"), 5, 1_000_000_007L);
            });
    String b = layer(Optional.of(a), write("x", "x"));
    for (String id : List.of(a, b, merge(a, layer(Optional.empty(), write("q", "q"))))) {
      in(
          snapshots.view(id),
          root -> {
            Stat f = Linux.lstat(root.resolve("f"));
            assertThat(f.uid()).isEqualTo(70_000);
            assertThat(f.gid()).isEqualTo(80_000);
            assertThat(f.permissions()).isEqualTo(04755);
            assertThat(f.mtimeNanos()).isEqualTo(1_000_000_007L);
            assertThat(f.ino()).isEqualTo(Linux.lstat(root.resolve("h")).ino());
            assertThat(Linux.xattrs(root.resolve("f")))
                .containsEntry("user.k", new byte[] {0, (byte) 255});
            assertThat(Linux.readlink(root.resolve("l"))).isEqualTo("nowhere");
            assertThat(Linux.lstat(root.resolve("null")).rdev()).isEqualTo(Linux.makeDevice(1, 3));
          });
    }
  }

  @Test
  void rootDirectoryLooksLikeTheParents() throws IOException {
    String a =
        layer(
            Optional.empty(),
            root -> {
              Linux.chmod(root, 01777);
              Linux.lchown(root, 5, 6);
            });
    String b = layer(Optional.of(a), write("x", "x"));
    in(
        snapshots.view(b),
        root -> {
          assertThat(Linux.lstat(root).permissions()).isEqualTo(01777);
          assertThat(Linux.lstat(root).uid()).isEqualTo(5);
        });
  }

  @Test
  void mergeLaysLaterOverEarlier() throws IOException {
    String a =
        layer(
            Optional.empty(),
            root -> {
              write("d/a", "a").apply(root);
              write("same", "a").apply(root);
            });
    String b =
        layer(
            Optional.empty(),
            root -> {
              write("d/b", "b").apply(root);
              write("same", "b").apply(root);
            });
    assertThat(tree(merge(a, b)))
        .isEqualTo(expected("d", "/", "d/a", "a", "d/b", "b", "same", "b"));
    assertThat(tree(merge(b, a)).get("same")).isEqualTo("a");
    String onTop = layer(Optional.of(merge(a, b)), root -> Files.delete(root.resolve("d/a")));
    assertThat(tree(onTop)).isEqualTo(expected("d", "/", "d/b", "b", "same", "b"));
  }

  @Test
  void mergeWithACommonBaseAppliesItAgain() throws IOException {
    String base =
        layer(
            Optional.empty(),
            root -> {
              write("f", "base").apply(root);
              write("g", "base").apply(root);
            });
    String x =
        layer(
            Optional.of(base),
            root -> {
              write("f", "x").apply(root);
              write("x", "x").apply(root);
              Files.delete(root.resolve("g"));
            });
    String y = layer(Optional.of(base), write("y", "y"));
    assertThat(tree(merge(x, y))).isEqualTo(expected("f", "base", "g", "base", "x", "x", "y", "y"));
  }

  @Test
  void newDirectoryDoesNotHideThoseItIsMergedOver() throws IOException {
    String base = layer(Optional.empty(), write("etc/base", "1"));
    String a = layer(Optional.empty(), write("etc/conf/a", "a"));
    // the kernel marks etc/conf, made here, as opaque
    String b = layer(Optional.of(base), write("etc/conf/b", "b"));
    assertThat(tree(merge(a, b)))
        .isEqualTo(
            expected(
                "etc",
                "/",
                "etc/base",
                "1",
                "etc/conf",
                "/",
                "etc/conf/a",
                "a",
                "etc/conf/b",
                "b"));
  }

  @Test
  void deletionsOfADiffApplyWhereItIsMerged() throws IOException {
    String base =
        layer(
            Optional.empty(),
            root -> {
              write("d/x", "x").apply(root);
              write("d/y", "y").apply(root);
            });
    String changed =
        layer(
            Optional.of(base),
            root -> {
              Files.delete(root.resolve("d/x"));
              write("d/new", "n").apply(root);
            });
    String diff = diff(Optional.of(base), Optional.of(changed));
    assertThat(tree(diff)).isEqualTo(expected("d", "/", "d/new", "n"));
    String other =
        layer(
            Optional.empty(),
            root -> {
              write("d/x", "other").apply(root);
              write("d/o", "o").apply(root);
            });
    assertThat(tree(merge(other, diff))).isEqualTo(expected("d", "/", "d/new", "n", "d/o", "o"));
  }

  @Test
  void diffOfUnrelatedComparesFiles() throws IOException {
    Change common =
        root -> {
          write("same", "s").apply(root);
          Linux.utimensat(root.resolve("same"), 1, 1_000_000_000L);
          write("gone/a", "a").apply(root);
          write("was/dir", "d").apply(root);
          write("changed", "1").apply(root);
        };
    String a = layer(Optional.empty(), common);
    String b =
        layer(
            Optional.empty(),
            root -> {
              write("same", "s").apply(root);
              Linux.utimensat(root.resolve("same"), 1, 1_000_000_000L);
              write("was", "file").apply(root);
              write("changed", "2!").apply(root);
              write("new/deep/f", "f").apply(root);
            });
    String diff = diff(Optional.of(a), Optional.of(b));
    assertThat(tree(diff))
        .isEqualTo(
            expected(
                "changed", "2!", "new", "/", "new/deep", "/", "new/deep/f", "f", "was", "file"));
    assertThat(tree(merge(a, diff))).isEqualTo(tree(b));
    assertThat(tree(merge(b, diff(Optional.of(b), Optional.of(a))))).isEqualTo(tree(a));
    assertThat(tree(diff(Optional.empty(), Optional.of(a)))).isEqualTo(tree(a));
    assertThat(tree(diff(Optional.of(a), Optional.empty()))).isEmpty();
    assertThat(tree(diff(Optional.of(a), Optional.of(a)))).isEmpty();
  }

  @Test
  void chainsOfAnyLengthWork() throws IOException {
    int steps = Integer.getInteger("chain", 250);
    String top = layer(Optional.empty(), write("d/0", "0"));
    SortedMap<String, String> all = expected("d", "/", "d/0", "0");
    for (int i = 1; i < steps; i++) {
      int n = i;
      top =
          layer(
              Optional.of(top),
              root -> {
                Files.writeString(root.resolve("d/" + n), "" + n);
                if (n % 3 == 0) {
                  Files.delete(root.resolve("d/" + (n - 1)));
                }
                if (n % 40 == 0) {
                  FileTree.delete(root.resolve("d"));
                  Files.createDirectory(root.resolve("d"));
                  Files.writeString(root.resolve("d/" + n), "" + n);
                }
              });
      if (n % 40 == 0) {
        all.clear();
        all.put("d", "/");
      }
      all.put("d/" + n, "" + n);
      if (n % 3 == 0) {
        all.remove("d/" + (n - 1));
      }
    }
    assertThat(tree(top)).isEqualTo(all);
    restart();
    assertThat(tree(top)).isEqualTo(all);
    assertThat(tree(merge(top, layer(Optional.empty(), write("q", "q"))))).hasSize(all.size() + 1);
  }

  @Test
  void namesNeedNotBeUtf8() throws IOException {
    String odd = FileNames.text(new byte[] {'d', (byte) 0xe9});
    String inside = FileNames.text(new byte[] {'d', (byte) 0xe9, '/', (byte) 0xff});
    Change files =
        root -> {
          Linux.mkdir(root.resolve(odd), 0755);
          write("x", "x").apply(root);
          Files.writeString(FileNames.raw(root.resolve(inside)), "1");
        };
    String a = layer(Optional.empty(), files);
    assertThat(tree(a)).isEqualTo(expected(odd, "/", inside, "1", "x", "x"));
    assertThat(pinnedTree(small(files))).isEqualTo(tree(a));
    String b = layer(Optional.of(a), root -> Linux.unlink(root.resolve(inside)));
    assertThat(tree(b)).isEqualTo(expected(odd, "/", "x", "x"));
    String other = layer(Optional.empty(), write("y", "y"));
    assertThat(tree(merge(other, a))).containsEntry(inside, "1").containsEntry("y", "y");
    assertThat(tree(merge(a, diff(Optional.of(a), Optional.of(b))))).isEqualTo(tree(b));
    String copied = diff(Optional.of(other), Optional.of(a));
    assertThat(tree(copied)).containsEntry(inside, "1");
    remove(copied);
    snapshots.awaitRemovals();
    assertThat(LayerFiles.list(temp.resolve("snapshots/trash"))).isEmpty();
  }

  @Test
  void removedSpaceIsFreed() throws IOException {
    String a = layer(Optional.empty(), write("a/b/c", "1"));
    remove(a);
    snapshots.awaitRemovals();
    assertThat(LayerFiles.list(temp.resolve("snapshots/trash"))).isEmpty();
  }
}
