package dev.buildd.snapshot.layer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.Linux;
import dev.buildd.snapshot.LocalSnapshotter;
import dev.buildd.snapshot.MountPoint;
import dev.buildd.snapshot.content.LocalContentStore;
import dev.buildd.snapshot.store.MetadataStore;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a differ writes, and an applier makes files of again, on every snapshotter. */
@Tag("root")
abstract class LayersContract {
  @TempDir Path temp;
  private MetadataStore store;
  private LocalSnapshotter snapshots;
  private LocalContentStore content;
  private Path scratch;
  private Differ differ;
  private Applier applier;

  abstract LocalSnapshotter open(Path root, MetadataStore store);

  @BeforeEach
  void start() throws IOException {
    store = MetadataStore.open(temp.resolve("metadata"));
    snapshots = open(temp.resolve("snapshots"), store);
    content = LocalContentStore.open(temp.resolve("content"));
    scratch = Files.createDirectories(temp.resolve("scratch"));
    differ = new LocalDiffer(snapshots);
    applier = new LocalApplier(content, scratch);
  }

  @AfterEach
  void nothingIsLeftMounted() throws IOException {
    assertThat(scratch).isEmptyDirectory();
    snapshots.close();
    store.close();
    assertThat(Files.readString(Path.of("/proc/self/mountinfo")))
        .doesNotContain(temp.toRealPath().toString());
  }

  private interface Change {
    void apply(Path root) throws IOException;
  }

  private String made(Optional<String> parent, Change change) throws IOException {
    String id = snapshots.prepare(parent);
    try (MountPoint at = MountPoint.open(snapshots.mounts(id), scratch)) {
      change.apply(at.path());
    }
    snapshots.commit(id).await();
    return id;
  }

  private byte[] archive(String id, Optional<String> below) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    differ.archive(id, below, out);
    return out.toByteArray();
  }

  private Descriptor blob(byte[] layer) {
    Digest digest = content.put(layer);
    return new Descriptor(
        Compression.NONE.mediaType(), digest, layer.length, Optional.empty(), Map.of(), List.of());
  }

  private String applied(Optional<String> parent, byte[] layer) throws Exception {
    String id = snapshots.prepare(parent);
    assertThat(applier.apply(blob(layer), snapshots.mounts(id))).isEqualTo(Digest.of(layer));
    snapshots.commit(id).await();
    return id;
  }

  private List<String> tree(String id) throws IOException {
    try (MountPoint at = MountPoint.open(snapshots.view(id), scratch);
        Stream<Path> files = Files.walk(at.path())) {
      return files
          .filter(path -> !path.equals(at.path()))
          .map(path -> line(at.path(), path))
          .sorted()
          .toList();
    }
  }

  private static String line(Path root, Path path) {
    String name = root.relativize(path).toString();
    try {
      if (Files.isSymbolicLink(path)) {
        return name + " -> " + Files.readSymbolicLink(path);
      }
      return Files.isDirectory(path) ? name + "/" : name + " " + Files.readString(path);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void whatOneWroteTheOtherMakesAgain() throws Exception {
    String base =
        made(
            Optional.empty(),
            root -> {
              Files.createDirectories(root.resolve("d/e"));
              Files.writeString(root.resolve("d/gone"), "1");
              Files.writeString(root.resolve("d/e/changed"), "1");
              Files.writeString(root.resolve("same"), "1");
            });
    String top =
        made(
            Optional.of(base),
            root -> {
              Files.delete(root.resolve("d/gone"));
              Files.writeString(root.resolve("d/e/changed"), "2");
              Linux.symlink("e/changed", root.resolve("d/link"));
            });
    byte[] first = archive(base, Optional.empty());
    byte[] second = archive(top, Optional.of(base));
    assertThat(new String(second, StandardCharsets.ISO_8859_1))
        .contains("d/.wh.gone", "d/e/changed", "d/link")
        .doesNotContain("same");
    String base2 = applied(Optional.empty(), first);
    String top2 = applied(Optional.of(base2), second);
    assertThat(tree(base2)).isEqualTo(tree(base));
    assertThat(tree(top2))
        .isEqualTo(tree(top))
        .containsExactly("d/", "d/e/", "d/e/changed 2", "d/link -> e/changed", "same 1");
    assertThat(archive(top2, Optional.of(base2))).isEqualTo(second);
  }

  @Test
  void compressedLayersAreAppliedAndTheirDiffIdTold() throws Exception {
    byte[] layer =
        archive(
            made(Optional.empty(), root -> Files.writeString(root.resolve("a"), "1")),
            Optional.empty());
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    try (var out = Compression.GZIP.compress(packed, OptionalInt.empty())) {
      out.write(layer);
    }
    String id = snapshots.prepare(Optional.empty());
    assertThat(applier.apply(blob(packed.toByteArray()), snapshots.mounts(id)))
        .isEqualTo(Digest.of(layer));
  }

  @Test
  void malformedLayersAndThoseNotThereAreNamed() throws Exception {
    String parent = made(Optional.empty(), root -> Files.writeString(root.resolve("a"), "1"));
    String id = snapshots.prepare(Optional.of(parent));
    byte[] cut = Arrays.copyOf(archive(parent, Optional.empty()), 512);
    assertThatThrownBy(() -> applier.apply(blob(cut), snapshots.mounts(id)))
        .extracting(BuildException::categoryOf)
        .isEqualTo(Category.INVALID_ARGUMENT);
    Descriptor absent = blob(new byte[] {1});
    content.delete(absent.digest());
    assertThatThrownBy(() -> applier.apply(absent, snapshots.mounts(id)))
        .extracting(BuildException::categoryOf)
        .isEqualTo(Category.NOT_FOUND);
    snapshots.remove(List.of(id));
  }
}
