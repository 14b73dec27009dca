package dev.buildd.base.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Tag("root")
@Timeout(10) // a FIFO that is opened waits for ever
final class TreeFilesTest {
  @TempDir Path dir;

  @BeforeEach
  void makeNodes() throws Exception {
    Files.createDirectory(dir.resolve("d"));
    Files.writeString(dir.resolve("d/f"), "content");
    Files.writeString(dir.resolve("outside"), "secret");
    Linux.mkfifo(dir.resolve("d/fifo"), 0666);
    Linux.mknod(dir.resolve("d/zero"), Stat.S_IFCHR | 0666, Linux.makeDevice(1, 5));
    Linux.mknod(dir.resolve("d/socket"), Stat.S_IFSOCK | 0666, 0);
    Linux.symlink("f", dir.resolve("d/link"));
    Linux.symlink("/../../f", dir.resolve("d/absolute"));
    Linux.symlink("d", dir.resolve("e"));
  }

  private static String read(InputStream in) throws Exception {
    try (in) {
      return new String(in.readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
    }
  }

  @Test
  void onlyRegularFilesAreOpened() throws Exception {
    assertThat(read(TreeFiles.read(dir.resolve("d/f")))).isEqualTo("content");
    for (String name : new String[] {"fifo", "zero", "socket", "link"}) {
      Path file = dir.resolve("d").resolve(name);
      assertThatThrownBy(() -> TreeFiles.read(file))
          .isInstanceOf(NotRegularFileException.class)
          .hasMessage(file + ": not a regular file");
      assertThatThrownBy(() -> TreeFiles.overwrite(file))
          .isInstanceOf(NotRegularFileException.class);
      assertThatThrownBy(() -> OutputFile.open(file)).isInstanceOf(NotRegularFileException.class);
      assertThatThrownBy(() -> TreeFiles.create(file))
          .isInstanceOf(java.nio.file.FileAlreadyExistsException.class);
      assertThatThrownBy(() -> TreeFiles.readInUnfollowed(dir.resolve("d"), name))
          .isInstanceOf(NotRegularFileException.class);
      for (String linked : new String[] {"d", "e"}) {
        assertThatThrownBy(() -> TreeFiles.list(dir.resolve(linked).resolve(name)))
            .isInstanceOfAny(NotDirectoryException.class, LinuxException.class);
      }
      assertThatThrownBy(() -> FileNames.list(file)).isInstanceOf(NotDirectoryException.class);
    }
  }

  @Test
  void aPathWithALinkInItIsRefused() {
    assertThatThrownBy(() -> TreeFiles.read(dir.resolve("e/f")))
        .hasMessageContaining("too many levels of symbolic links");
    assertThatThrownBy(() -> TreeFiles.list(dir.resolve("e")))
        .hasMessageContaining("too many levels of symbolic links");
  }

  @Test
  void linksStayWithinTheRoot() throws Exception {
    Path root = dir.resolve("d");
    for (String path : new String[] {"f", "/f", "link", "/absolute", "../f", "f/"}) {
      assertThat(read(TreeFiles.readIn(root, path))).as(path).isEqualTo("content");
    }
    assertThatThrownBy(() -> TreeFiles.readIn(root, "../outside"))
        .isInstanceOfSatisfying(
            LinuxException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOENT));
    assertThatThrownBy(() -> TreeFiles.readIn(root, "fifo"))
        .isInstanceOf(NotRegularFileException.class)
        .hasMessage("fifo: not a regular file");
    assertThat(read(TreeFiles.readIn(dir.resolve("e"), "f"))).isEqualTo("content");
  }

  @Test
  void overwrittenFilesAreEmptiedFirst() throws Exception {
    try (OutputFile out = TreeFiles.overwrite(dir.resolve("d/f"))) {
      out.write(ByteBuffer.wrap(new byte[] {'x'}));
    }
    assertThat(dir.resolve("d/f")).hasContent("x");
  }

  @Test
  void contentIsCopiedAndCompared() throws Exception {
    byte[] content = new byte[200_001];
    new java.util.Random(1).nextBytes(content);
    Files.write(dir.resolve("a"), content);
    TreeFiles.copy(dir.resolve("a"), dir.resolve("b"));
    assertThat(dir.resolve("b")).hasBinaryContent(content);
    assertThat(Linux.lstat(dir.resolve("b")).permissions()).isEqualTo(0600);
    assertThat(TreeFiles.sameContent(dir.resolve("a"), dir.resolve("b"))).isTrue();
    content[200_000]++;
    Files.write(dir.resolve("b"), content);
    assertThat(TreeFiles.sameContent(dir.resolve("a"), dir.resolve("b"))).isFalse();
    Files.write(dir.resolve("b"), java.util.Arrays.copyOf(content, 200_000));
    assertThat(TreeFiles.sameContent(dir.resolve("a"), dir.resolve("b"))).isFalse();
  }
}
