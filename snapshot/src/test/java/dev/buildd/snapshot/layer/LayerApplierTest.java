package dev.buildd.snapshot.layer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.Stat;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("root")
final class LayerApplierTest {
  @TempDir Path temp;
  private Path root;
  private Path outside;

  @BeforeEach
  void start() throws IOException {
    root = Files.createDirectories(temp.resolve("root"));
    outside = Files.createDirectories(temp.resolve("outside"));
    Files.writeString(outside.resolve("victim"), "safe");
  }

  private Digest apply(byte[] archive) throws Exception {
    return LayerApplier.apply(new ByteArrayInputStream(archive), root);
  }

  private Digest apply(Tar tar) throws Exception {
    return apply(tar.bytes());
  }

  private static byte[] tar(Path directory, String... options) throws Exception {
    List<String> command = new ArrayList<>(List.of("tar", "-C", directory.toString()));
    command.addAll(List.of(options));
    command.addAll(List.of("-cf", "-", "."));
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    byte[] out = process.getInputStream().readAllBytes();
    assertThat(process.waitFor()).isZero();
    return out;
  }

  private Path sample() throws IOException {
    Path from = Files.createDirectories(temp.resolve("from"));
    Path deep = Files.createDirectories(from.resolve("a".repeat(90)).resolve("b".repeat(120)));
    Files.writeString(deep.resolve("c".repeat(150)), "deep");
    Files.writeString(from.resolve("plain"), "text");
    Linux.link(from.resolve("plain"), from.resolve("second"));
    Linux.symlink("plain", from.resolve("link"));
    Linux.symlink("/" + "t".repeat(200), from.resolve("longlink"));
    Linux.mkfifo(from.resolve("fifo"), 0640);
    Linux.mknod(from.resolve("zero"), Stat.S_IFCHR | 0666, Linux.makeDevice(1, 5));
    Files.writeString(from.resolve("setuid"), "x");
    Linux.lchown(from.resolve("setuid"), 12, 34);
    Linux.chmod(from.resolve("setuid"), 04755);
    Linux.setxattr(from.resolve("plain"), "user.bin", new byte[] {0, 10, (byte) 0xff, '='});
    try (RandomAccessFile sparse = new RandomAccessFile(from.resolve("sparse").toFile(), "rw")) {
      sparse.seek(1 << 20);
      sparse.writeBytes("data");
      sparse.seek(3 << 20);
      sparse.writeBytes("end");
      sparse.setLength(4 << 20);
    }
    Linux.utimensat(from.resolve("plain"), Linux.UTIME_OMIT, 1_234_567_890_123_456_789L);
    Linux.utimensat(from.resolve("a".repeat(90)), Linux.UTIME_OMIT, 987_654_321_000_000_000L);
    return from;
  }

  private void assertSame(Path from, boolean nanoseconds, boolean xattrs) throws Exception {
    try (var paths = Files.walk(from)) {
      for (Path path : paths.toList()) {
        if (path.equals(from)) {
          continue;
        }
        Path to = root.resolve(from.relativize(path).toString());
        Stat a = Linux.lstat(path);
        Stat b = Linux.lstat(to);
        assertThat(b.mode()).as(to.toString()).isEqualTo(a.mode());
        assertThat(b.uid()).isEqualTo(a.uid());
        assertThat(b.gid()).isEqualTo(a.gid());
        assertThat(b.rdev()).isEqualTo(a.rdev());
        long second = nanoseconds ? 1 : 1_000_000_000L;
        assertThat(b.mtimeNanos() / second).as(to.toString()).isEqualTo(a.mtimeNanos() / second);
        if (a.isRegular()) {
          assertThat(Files.mismatch(path, to)).isEqualTo(-1);
        }
        if (a.isSymlink()) {
          assertThat(Linux.readlink(to)).isEqualTo(Linux.readlink(path));
        }
        if (xattrs) {
          assertThat(Linux.xattrs(to).keySet()).isEqualTo(Linux.xattrs(path).keySet());
        }
      }
    }
    assertThat(Linux.lstat(root.resolve("second")).ino())
        .isEqualTo(Linux.lstat(root.resolve("plain")).ino());
    assertThat(Linux.lstat(root.resolve("sparse")).blocks()).isLessThan(1000);
  }

  @Test
  void paxArchivesWithSparseFormsAndXattrs() throws Exception {
    Path from = sample();
    for (String form : List.of("0.0", "0.1", "1.0")) {
      start();
      apply(tar(from, "--format=pax", "--xattrs", "-S", "--sparse-version=" + form));
      assertSame(from, true, true);
      assertThat(Linux.getxattr(root.resolve("plain"), "user.bin"))
          .isEqualTo(new byte[] {0, 10, (byte) 0xff, '='});
    }
  }

  @Test
  void gnuArchivesWithLongNamesAndOldSparseFiles() throws Exception {
    Path from = sample();
    apply(tar(from, "--format=gnu", "-S"));
    assertSame(from, false, false);
  }

  @Test
  void compressedArchivesGiveTheDigestOfTheirContent() throws Exception {
    byte[] plain = new Tar().file("a", "1").bytes();
    for (List<String> command : List.of(List.of("gzip"), List.of("zstd"), List.of("cat"))) {
      Process process = new ProcessBuilder(command).start();
      process.getOutputStream().write(plain);
      process.getOutputStream().close();
      assertThat(apply(process.getInputStream().readAllBytes())).isEqualTo(Digest.of(plain));
    }
    assertThat(root.resolve("a")).hasContent("1");
  }

  @Test
  void lastFilesPaddingAndEndMarksMayBeMissing() throws Exception {
    byte[] whole = new Tar().file("a", "1").file("b", "22").bytes();
    byte[] cut = Arrays.copyOf(whole, 512 * 3 + 2);
    assertThat(apply(cut)).isEqualTo(Digest.of(cut));
    assertThat(root.resolve("b")).hasContent("22");
  }

  @Test
  void laterLayersReplaceAndWhiteOut() throws Exception {
    apply(
        new Tar()
            .directory("d")
            .file("d/x", "1")
            .file("d/y", "2")
            .directory("e")
            .file("e/old", "3")
            .file("was-file", "4")
            .directory("was-dir/sub"));
    apply(
        new Tar()
            .file("d/.wh.x", "")
            .directory("e")
            .file("e/new", "5")
            .file("e/.wh..wh..opq", "")
            .directory("was-file")
            .file("was-dir", "6")
            .file(".wh..wh.plnk", "")
            .file(".wh.missing", ""));
    assertThat(root.resolve("d/x")).doesNotExist();
    assertThat(root.resolve("d/y")).hasContent("2");
    assertThat(root.resolve("e/old")).doesNotExist();
    assertThat(root.resolve("e/new")).hasContent("5");
    assertThat(root.resolve("was-file")).isDirectory();
    assertThat(root.resolve("was-dir")).hasContent("6");
    assertThat(root.resolve(".wh..wh.plnk")).doesNotExist();
    assertThat(Linux.lstat(root.resolve("e")).mtimeNanos()).isEqualTo(1_000_000_000_000_000_000L);
  }

  @Test
  void noPathLeadsOut() throws Exception {
    apply(
        new Tar()
            .file("../../up", "1")
            .file("/abs", "2")
            .symlink("esc", outside.toString())
            .file("esc/made", "3")
            .symlink("up2", "../../outside")
            .file("up2/made", "4")
            .file("esc/.wh.victim", "")
            .symlink("dangling", outside + "/created")
            .file("dangling", "5"));
    assertThat(root.resolve("up")).hasContent("1");
    assertThat(root.resolve("abs")).hasContent("2");
    assertThat(outside.resolve("victim")).hasContent("safe");
    try (var left = Files.list(outside)) {
      assertThat(left).hasSize(1);
    }
    assertThat(root.resolve("dangling")).hasContent("5");
    assertThatThrownBy(() -> apply(new Tar().link("hard", "../outside/victim")))
        .isInstanceOf(IOException.class);
    assertThatThrownBy(
            () -> apply(new Tar().symlink("v", outside.toString()).link("h2", "v/victim")))
        .isInstanceOf(IOException.class);
    // a link to a symlink is another name of the symlink itself
    apply(new Tar().symlink("sym", outside + "/victim").link("same", "sym").file("same", "own"));
    assertThat(outside.resolve("victim")).hasContent("safe");
  }

  @Test
  void overlaysMarksCannotBeSmuggledIn() throws Exception {
    assertThatThrownBy(() -> apply(new Tar().add('3', "dev", "", "")))
        .isInstanceOf(BuildException.class);
    apply(new Tar().pax("SCHILY.xattr.trusted.overlay.opaque=y").directory("d"));
    assertThat(Linux.xattrs(root.resolve("d"))).doesNotContainKey("trusted.overlay.opaque");
    assertThatThrownBy(() -> apply(new Tar().file(".wh..", ""))).isInstanceOf(BuildException.class);
  }

  /** Before they are in memory. */
  @Test
  void hugeHeadersAreRefused() throws Exception {
    String huge = "x".repeat((1 << 20) + 1);
    for (char type : new char[] {'x', 'g', 'L', 'K'}) {
      assertThatThrownBy(() -> apply(new Tar().add(type, "p", "", huge).file("a", "")))
          .as("%s", type)
          .isInstanceOf(BuildException.class)
          .hasMessageContaining(String.valueOf(huge.length()));
    }
  }

  @Test
  void brokenArchivesAreRefused() throws Exception {
    byte[] good = new Tar().pax("path=x", "mtime=1.5").file("a", "content").bytes();
    assertThatThrownBy(() -> apply(Arrays.copyOf(good, 1000))).isInstanceOf(BuildException.class);
    assertThatThrownBy(() -> apply(new Tar().pax("size=-1").file("a", "")))
        .isInstanceOf(BuildException.class);
    assertThatThrownBy(() -> apply(new Tar().add('x', "p", "", "9999999 a=b\n").file("a", "")))
        .isInstanceOf(BuildException.class);
    assertThatThrownBy(
            () -> apply(new Tar().pax("GNU.sparse.map=5,99", "GNU.sparse.size=10").file("a", "x")))
        .isInstanceOf(BuildException.class);
    assertThatThrownBy(() -> apply("not an archive".repeat(100).getBytes(StandardCharsets.UTF_8)))
        .isInstanceOf(BuildException.class);
    Random random = new Random(1);
    for (int i = 0; i < 300; i++) {
      byte[] bad = good.clone();
      bad[random.nextInt(bad.length)] ^= (byte) (1 << random.nextInt(8));
      try {
        apply(bad);
      } catch (BuildException | IOException e) {
        // refused
      }
    }
    assertThat(outside.resolve("victim")).hasContent("safe");
  }
}
