package dev.buildd.snapshot.layer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.Stat;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Archives made by the programs that users have. */
@Tag("root")
@Timeout(30)
final class ArchiveFileTest {
  @TempDir Path temp;
  private Path content;
  private Path out;

  @BeforeEach
  void prepare() throws IOException {
    content = Files.createDirectories(temp.resolve("content/dir"));
    Files.writeString(content.resolve("file"), "text");
    Files.writeString(content.resolve(".wh.gone"), "");
    Files.createSymbolicLink(content.resolve("link"), Path.of("nowhere"));
    Linux.lchown(content.resolve("file"), 7, 8);
    Linux.chmod(content.resolve("file"), 0640);
    Linux.link(content.resolve("file"), content.resolve("twin"));
    out = Files.createDirectory(temp.resolve("out"));
  }

  private static void run(String... command) throws Exception {
    Process process = new ProcessBuilder(command).inheritIO().start();
    assertThat(process.waitFor()).isZero();
  }

  private Path archive(String... options) throws Exception {
    Path file = temp.resolve("archive");
    String[] command = new String[options.length + 6];
    command[0] = "tar";
    System.arraycopy(options, 0, command, 1, options.length);
    int at = options.length + 1;
    command[at++] = "-cf";
    command[at++] = file.toString();
    command[at++] = "-C";
    command[at++] = temp.resolve("content").toString();
    command[at] = "dir";
    run(command);
    return file;
  }

  private Path written(Tar tar) throws IOException {
    return Files.write(temp.resolve("archive"), tar.bytes());
  }

  @ParameterizedTest
  @ValueSource(strings = {"--no-auto-compress", "--gzip", "--bzip2", "--xz", "--zstd"})
  void unpacksWhatTarPacks(String option) throws Exception {
    Path file = archive(option);
    assertThat(ArchiveFile.isArchive(file)).isTrue();
    ArchiveFile.unpack(file, out, Optional.empty());
    assertThat(out.resolve("dir/file")).hasContent("text");
    assertThat(out.resolve("dir/.wh.gone")).as("no whiteout").exists();
    assertThat(Files.readSymbolicLink(out.resolve("dir/link"))).isEqualTo(Path.of("nowhere"));
    Stat stat = Linux.lstat(out.resolve("dir/file"));
    assertThat(stat.uid()).isEqualTo(7);
    assertThat(stat.gid()).isEqualTo(8);
    assertThat(stat.permissions()).isEqualTo(0640);
    assertThat(stat.ino()).isEqualTo(Linux.lstat(out.resolve("dir/twin")).ino());
  }

  @Test
  void givesEverythingToOneOwner() throws Exception {
    ArchiveFile.unpack(archive(), out, Optional.of(new LayerApplier.Ids(12, 13)));
    for (String name : new String[] {"dir", "dir/file", "dir/twin", "dir/link"}) {
      Stat stat = Linux.lstat(out.resolve(name));
      assertThat(stat.uid()).as(name).isEqualTo(12);
      assertThat(stat.gid()).as(name).isEqualTo(13);
    }
  }

  @Test
  void otherFilesAreNoArchives() throws Exception {
    assertThat(ArchiveFile.isArchive(temp.resolve("none"))).isFalse();
    assertThat(ArchiveFile.isArchive(temp)).isFalse();
    for (byte[] bytes :
        new byte[][] {
          {},
          "text".getBytes(java.nio.charset.StandardCharsets.UTF_8),
          new byte[10240],
          {0x1f, (byte) 0x8b, 8, 0},
          {'B', 'Z', 'h', '9', 0, 0},
          {(byte) 0xfd, '7', 'z', 'X', 'Z', 0}
        }) {
      Path file = Files.write(temp.resolve("file"), bytes);
      assertThat(ArchiveFile.isArchive(file)).isFalse();
    }
    Path zipped = temp.resolve("zipped");
    run("sh", "-c", "echo no archive | xz > " + zipped);
    assertThat(ArchiveFile.isArchive(zipped)).isFalse();
  }

  @Test
  void damageIsAFailure() throws Exception {
    byte[] noise = new byte[1 << 16];
    new java.util.Random(1).nextBytes(noise);
    Files.write(content.resolve("noise"), noise);
    Path file = archive("--xz");
    byte[] bytes = Files.readAllBytes(file);
    Files.write(file, java.util.Arrays.copyOf(bytes, bytes.length / 2));
    assertThatThrownBy(() -> ArchiveFile.unpack(file, out, Optional.empty()))
        .isInstanceOf(IOException.class);
  }

  @Test
  void goesThroughLinksOfTheDestination() throws Exception {
    Files.createDirectories(out.resolve("run"));
    Files.createDirectories(out.resolve("var"));
    Files.createSymbolicLink(out.resolve("var/run"), Path.of("/run"));
    Path file =
        written(
            new Tar()
                .file("var/run/implied/file", "text")
                .link("var/run/twin", "var/run/implied/file"));
    ArchiveFile.unpack(file, out, Optional.empty());
    assertThat(out.resolve("run/implied/file")).hasContent("text");
    assertThat(out.resolve("run/twin")).hasContent("text");
    assertThat(Linux.lstat(out.resolve("var/run")).isSymlink()).isTrue();
    Files.delete(out.resolve("var/run")); // JUnit would warn of it
  }

  @Test
  void nothingLiesOutside() throws Exception {
    Path outside = Files.createDirectory(temp.resolve("outside"));
    Path secret = Files.writeString(outside.resolve("secret"), "secret");
    Path file =
        written(
            new Tar()
                .file("../escaped", "")
                .file("/absolute", "")
                .symlink("away", outside.toString())
                .file("away/through", "")
                .symlink("up", "../..")
                .file("up/climbed", ""));
    ArchiveFile.unpack(file, out, Optional.empty());
    assertThat(temp.resolve("escaped")).doesNotExist();
    assertThat(out.resolve("escaped")).exists();
    assertThat(out.resolve("absolute")).exists();
    assertThat(out.resolve("climbed")).exists();
    assertThat(outside.toFile().list()).containsExactly("secret");

    Path linked = written(new Tar().link("taken", "../outside/secret"));
    assertThatThrownBy(() -> ArchiveFile.unpack(linked, out, Optional.empty()))
        .isInstanceOf(IOException.class);
    Path absolute = written(new Tar().link("taken", secret.toString()));
    assertThatThrownBy(() -> ArchiveFile.unpack(absolute, out, Optional.empty()))
        .isInstanceOf(IOException.class);
    Path symlinked = written(new Tar().symlink("s", outside.toString()).link("taken", "s/secret"));
    assertThatThrownBy(() -> ArchiveFile.unpack(symlinked, out, Optional.empty()))
        .isInstanceOf(IOException.class);
  }
}
