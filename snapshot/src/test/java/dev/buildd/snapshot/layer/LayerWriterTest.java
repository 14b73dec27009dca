package dev.buildd.snapshot.layer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.content.Digest;
import dev.buildd.base.linux.FileNames;
import dev.buildd.base.linux.FileTree;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.Stat;
import dev.buildd.snapshot.LayerFiles;
import dev.buildd.snapshot.LocalSnapshotter;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("root")
final class LayerWriterTest {
  private static final long SECOND = 1_000_000_000L;

  @TempDir Path temp;
  private Path base;
  private Path layer;

  @BeforeEach
  void directories() throws Exception {
    base = Files.createDirectory(temp.resolve("base"));
    layer = Files.createDirectory(temp.resolve("layer"));
  }

  private static void file(Path directory, String name, String text) throws Exception {
    Path path = directory.resolve(name);
    Files.createDirectories(path.getParent());
    Files.writeString(path, text);
  }

  private static byte[] archive(Path layer, Path... below) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    LayerWriter.write(new LocalSnapshotter.LayerView(layer, false, List.of(below)), out);
    return out.toByteArray();
  }

  private static List<String> names(byte[] archive) throws Exception {
    TarReader tar = new TarReader(new ByteArrayInputStream(archive));
    List<String> out = new ArrayList<>();
    for (Optional<TarEntry> entry = tar.next(); entry.isPresent(); entry = tar.next()) {
      String link = entry.get().linkName();
      out.add(entry.get().name() + (link.isEmpty() ? "" : " -> " + link));
    }
    return out;
  }

  @Test
  void gnuTarReadsWhatIsWritten() throws Exception {
    String deep = "a".repeat(90) + "/" + "b".repeat(90) + "/" + "c".repeat(90);
    file(layer, deep, "deep");
    file(layer, "é/ü", "text");
    file(layer, "one", "1");
    Linux.link(layer.resolve("one"), layer.resolve("two"));
    Linux.symlink("d".repeat(120), layer.resolve("long"));
    Linux.symlink("one", layer.resolve("short"));
    Linux.mknod(layer.resolve("null"), Stat.S_IFCHR | 0600, Linux.makeDevice(1, 3));
    Linux.mkfifo(layer.resolve("pipe"), 0640);
    Linux.lchown(layer.resolve("one"), 3_000_000, 2_500_000);
    Linux.chmod(layer.resolve("one"), 06751);
    Path tar = temp.resolve("layer.tar");
    Files.write(tar, archive(layer));
    Path out = Files.createDirectory(temp.resolve("out"));
    Process gnu =
        new ProcessBuilder(
                "tar", "--numeric-owner", "--same-owner", "-xpf", "" + tar, "-C", "" + out)
            .redirectErrorStream(true)
            .start();
    assertThat(new String(gnu.getInputStream().readAllBytes(), UTF_8)).isEmpty();
    assertThat(gnu.waitFor()).isZero();
    assertThat(out.resolve(deep)).hasContent("deep");
    assertThat(out.resolve("é/ü")).hasContent("text");
    Stat one = Linux.lstat(out.resolve("one"));
    assertThat(one.permissions()).isEqualTo(06751);
    assertThat(one.uid()).isEqualTo(3_000_000);
    assertThat(one.gid()).isEqualTo(2_500_000);
    assertThat(Linux.lstat(out.resolve("two")).ino()).isEqualTo(one.ino());
    assertThat(Linux.readlink(out.resolve("long"))).isEqualTo("d".repeat(120));
    assertThat(Linux.lstat(out.resolve("null")).rdev()).isEqualTo(Linux.makeDevice(1, 3));
    assertThat(Linux.lstat(out.resolve("pipe")).type()).isEqualTo(Stat.S_IFIFO);
  }

  @Test
  void aLayerUnpackedAndWrittenAgainIsTheSame() throws Exception {
    file(layer, "d/f", "text");
    Linux.link(layer.resolve("d/f"), layer.resolve("d/g"));
    Linux.setxattr(
        layer.resolve("d/f"),
        "security.capability",
        java.util.HexFormat.of().parseHex("0100000200040000000000000000000000000000"));
    byte[] first = archive(layer);
    Path copy = Files.createDirectory(temp.resolve("copy"));
    Digest diffId = LayerApplier.apply(new ByteArrayInputStream(first), copy);
    assertThat(diffId).isEqualTo(Digest.of(first));
    assertThat(Digest.of(archive(copy))).isEqualTo(diffId);
    assertThat(Linux.getxattr(copy.resolve("d/g"), "security.capability")).hasSize(20);
  }

  @Test
  void namesThatAreNotUtf8AreWrittenAndUnpackedAsTheyAre() throws Exception {
    byte[] odd = {'d', (byte) 0xe9, '/', (byte) 0xff};
    Linux.mkdir(layer.resolve(FileNames.text(new byte[] {'d', (byte) 0xe9})), 0755);
    Path file = layer.resolve(FileNames.text(odd));
    Files.writeString(FileNames.raw(file), "text");
    Linux.link(file, layer.resolve(FileNames.text(new byte[] {(byte) 0xfe})));
    Linux.symlink(FileNames.text(odd), layer.resolve("link"));
    Files.writeString(FileNames.raw(base.resolve(FileNames.text(new byte[] {(byte) 0xe8}))), "x");
    Linux.mknod(layer.resolve(FileNames.text(new byte[] {(byte) 0xe8})), Stat.S_IFCHR, 0);

    byte[] first = archive(layer, base);
    assertThat(names(first))
        .containsExactly(
            FileNames.text(new byte[] {'d', (byte) 0xe9}),
            FileNames.text(odd),
            "link -> " + FileNames.text(odd),
            FileNames.text(new byte[] {'.', 'w', 'h', '.', (byte) 0xe8}),
            FileNames.text(new byte[] {(byte) 0xfe}) + " -> " + FileNames.text(odd));
    Files.write(temp.resolve("odd.tar"), first);
    Process gnu =
        new ProcessBuilder("tar", "--quoting-style=escape", "-tf", "" + temp.resolve("odd.tar"))
            .start();
    assertThat(new String(gnu.getInputStream().readAllBytes(), UTF_8).lines())
        .containsExactly("d\\351/", "d\\351/\\377", "link", ".wh.\\350", "\\376");

    Path copy = Files.createDirectory(temp.resolve("copy"));
    byte[] plain = archive(layer);
    Digest diffId = LayerApplier.apply(new ByteArrayInputStream(plain), copy);
    assertThat(FileNames.raw(copy.resolve(FileNames.text(odd)))).hasContent("text");
    assertThat(Digest.of(archive(copy))).isEqualTo(diffId).isEqualTo(Digest.of(plain));
    FileTree.delete(copy);
    assertThat(copy).doesNotExist();
  }

  @Test
  void onlyChangesAreWrittenWithTheDirectoriesTheyAreIn() throws Exception {
    file(base, "kept/file", "same");
    file(base, "gone", "x");
    file(base, "dir/old", "x");
    file(base, "dir/sub/file", "x");
    // as the kernel leaves it: directories copied up, a whiteout, a file written again as it was
    Linux.mkdir(layer.resolve("dir"), 0755);
    LayerFiles.copyAttributes(
        base.resolve("dir"), Linux.lstat(base.resolve("dir")), layer.resolve("dir"));
    Linux.mknod(layer.resolve("dir/old"), Stat.S_IFCHR, 0);
    Linux.mknod(layer.resolve("gone"), Stat.S_IFCHR, 0);
    Linux.mknod(layer.resolve("never"), Stat.S_IFCHR, 0);
    Linux.mkdir(layer.resolve("kept"), 0755);
    LayerFiles.copyAttributes(
        base.resolve("kept"), Linux.lstat(base.resolve("kept")), layer.resolve("kept"));
    LayerFiles.copy(
        base.resolve("kept/file"),
        Linux.lstat(base.resolve("kept/file")),
        layer.resolve("kept/file"));
    file(layer, "new", "n");
    assertThat(names(archive(layer, base)))
        .containsExactly("dir", "dir/.wh.old", ".wh.gone", "new");
  }

  @Test
  void anOpaqueDirectoryTellsOfEachFileThatIsGone() throws Exception {
    file(base, "d/a", "a");
    file(base, "d/b", "b");
    file(base, "d/sub/c", "c");
    file(layer, "d/b", "other");
    file(layer, "d/new/x", "x");
    Linux.setxattr(layer.resolve("d"), LayerFiles.OPAQUE, new byte[] {'y'});
    assertThat(names(archive(layer, base)))
        .containsExactly("d", "d/.wh.a", "d/b", "d/new", "d/new/x", "d/.wh.sub");
    assertThat(names(archive(layer))).containsExactly("d", "d/b", "d/new", "d/new/x");
  }

  @Test
  void aWholeTreeIsComparedWithTheOneBefore() throws Exception {
    file(base, "a", "a");
    file(base, "d/b", "b");
    file(layer, "d/b", "changed");
    file(layer, "d/c", "c");
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    LayerWriter.write(new LocalSnapshotter.LayerView(layer, true, List.of(base)), out);
    assertThat(names(out.toByteArray())).containsExactly(".wh.a", "d", "d/b", "d/c");
  }

  @Test
  void timesCanBeSetBack() throws Exception {
    file(layer, "late", "x");
    file(layer, "early", "x");
    Linux.utimensat(layer.resolve("late"), Linux.UTIME_OMIT, 2_000 * SECOND);
    Linux.utimensat(layer.resolve("early"), Linux.UTIME_OMIT, 500 * SECOND + 7);
    byte[] before = archive(layer);
    ByteArrayOutputStream rewritten = new ByteArrayOutputStream();
    LayerWriter.rewrite(new ByteArrayInputStream(before), 1_000 * SECOND, rewritten);
    TarReader tar = new TarReader(new ByteArrayInputStream(rewritten.toByteArray()));
    assertThat(tar.next().orElseThrow().mtimeNanos()).isEqualTo(500 * SECOND);
    assertThat(tar.next().orElseThrow().mtimeNanos()).isEqualTo(1_000 * SECOND);
  }
}
