package dev.buildd.solver.ops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.Stat;
import dev.buildd.proto.pb.ChownOpt;
import dev.buildd.proto.pb.FileAction;
import dev.buildd.proto.pb.FileActionCopy;
import dev.buildd.proto.pb.FileActionMkFile;
import dev.buildd.proto.pb.NamedUserOpt;
import dev.buildd.proto.pb.UserOpt;
import dev.buildd.solver.graph.SharedResult;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Steps may make nodes of the machine's devices, which they may not open, and FIFOs, on which
 * whoever opens them waits: no file action opens one. The device is a real one, on a loop device.
 */
@Tag("root")
@Timeout(30)
final class NodesTest {
  private static final byte[] CONTENT = "the machine's disk".getBytes(StandardCharsets.UTF_8);

  @TempDir Path temp;
  private Path disk;
  private Path device;
  private FileLab lab;

  @BeforeEach
  void start() throws Exception {
    lab = new FileLab(temp);
    disk = temp.resolve("disk");
    try (RandomAccessFile file = new RandomAccessFile(disk.toFile(), "rw")) {
      file.setLength(1 << 20);
      file.write(CONTENT);
    }
    device = Path.of(output("losetup", "-f", "--show", disk.toString()));
  }

  @AfterEach
  void nothingWasWrittenToTheDevice() throws Exception {
    lab.close();
    output("blockdev", "--flushbufs", device.toString());
    output("losetup", "-d", device.toString());
    assertThat(Files.readAllBytes(disk)).startsWith(CONTENT);
  }

  private static String output(String... command) throws Exception {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output.trim();
  }

  /** A block device node, a link to it, a character device, a FIFO and a socket. */
  private SharedResult nodes() throws Exception {
    long rdev = Linux.lstat(device).rdev();
    return lab.tree(root -> {
      Linux.mknod(root.resolve("disk"), Stat.S_IFBLK | 0666, rdev);
      Linux.symlink("disk", root.resolve("link"));
      Linux.mknod(root.resolve("zero"), Stat.S_IFCHR | 0666, Linux.makeDevice(1, 5));
      Linux.mkfifo(root.resolve("fifo"), 0666);
      Linux.mknod(root.resolve("socket"), Stat.S_IFSOCK | 0666, 0);
    });
  }

  private static FileAction.Builder on(int input) {
    return FileAction.newBuilder().setInput(input).setSecondaryInput(-1).setOutput(0);
  }

  private static FileActionMkFile.Builder file(String path) {
    return FileActionMkFile.newBuilder()
        .setPath(path)
        .setMode(0644)
        .setData(ByteString.copyFromUtf8("overwritten"))
        .setTimestamp(-1);
  }

  private static FileActionCopy.Builder copy(String from, String to) {
    return FileActionCopy.newBuilder()
        .setSrc(from)
        .setDest(to)
        .setCreateDestPath(true)
        .setMode(-1)
        .setTimestamp(-1);
  }

  @Test
  void noFileIsMadeThroughANode() throws Exception {
    try (SharedResult nodes = nodes()) {
      for (String name : new String[] {"/disk", "/link", "/zero", "/fifo", "/socket"}) {
        assertThatThrownBy(() -> lab.run(on(0).setMkfile(file(name)).build(), root -> {}, nodes))
            .as(name)
            .satisfies(
                e -> assertThat(BuildException.categoryOf(e)).isEqualTo(Category.INVALID_ARGUMENT))
            .hasMessageEndingWith(": not a regular file");
      }
    }
  }

  @Test
  void aFileCopiedOntoANodeTakesItsPlace() throws Exception {
    try (SharedResult nodes = nodes();
        SharedResult files =
            lab.tree(root -> Files.writeString(root.resolve("f"), "overwritten"))) {
      for (String name : new String[] {"/disk", "/link", "/fifo"}) {
        lab.run(
            on(0).setSecondaryInput(1).setCopy(copy("/f", name)).build(),
            root -> assertThat(root.resolve(name.substring(1))).hasContent("overwritten"),
            nodes,
            files);
      }
    }
  }

  @Test
  void nodesAreCopiedAsNodes() throws Exception {
    try (SharedResult nodes = nodes()) {
      for (boolean unpack : new boolean[] {false, true}) {
        lab.run(
            on(-1)
                .setSecondaryInput(0)
                .setCopy(
                    copy("/*", "/d/")
                        .setAllowWildcard(true)
                        .setAttemptUnpackDockerCompatibility(unpack))
                .build(),
            root -> {
              Path d = root.resolve("d");
              assertThat(Linux.lstat(d.resolve("disk")).rdev())
                  .isEqualTo(Linux.lstat(device).rdev());
              assertThat(Linux.lstat(d.resolve("zero")).type()).isEqualTo(Stat.S_IFCHR);
              assertThat(Linux.lstat(d.resolve("fifo")).type()).isEqualTo(Stat.S_IFIFO);
              assertThat(Linux.lstat(d.resolve("socket")).type()).isEqualTo(Stat.S_IFSOCK);
            },
            nodes);
      }
    }
  }

  @Test
  void ownersAreNotReadFromNodes() throws Exception {
    ChownOpt owner =
        ChownOpt.newBuilder()
            .setUser(
                UserOpt.newBuilder()
                    .setByName(NamedUserOpt.newBuilder().setName("ann").setInput(0)))
            .build();
    for (String to : new String[] {"../fifo", "../zero", "../disk"}) {
      try (SharedResult base =
          lab.tree(root -> {
            Files.createDirectory(root.resolve("etc"));
            Linux.mkfifo(root.resolve("fifo"), 0644);
            Linux.mknod(root.resolve("zero"), Stat.S_IFCHR | 0644, Linux.makeDevice(1, 5));
            Linux.mknod(root.resolve("disk"), Stat.S_IFBLK | 0644, Linux.lstat(device).rdev());
            Linux.symlink(to, root.resolve("etc/passwd"));
          })) {
        assertThatThrownBy(() ->
                lab.run(on(0).setMkfile(file("/f").setOwner(owner)).build(), root -> {}, base))
            .hasMessage("/etc/passwd is not a regular file");
      }
    }
  }

  @Test
  void messagesSayWhyAndNameNoPathOfTheDaemons() throws Exception {
    try (SharedResult base =
            lab.tree(root -> {
              Files.writeString(root.resolve("f"), "");
              Files.createDirectory(root.resolve("d"));
            });
        SharedResult other = lab.tree(root -> Files.createDirectory(root.resolve("f")))) {
      assertThatThrownBy(
              () -> lab.run(on(0).setMkfile(file("/no/such/f")).build(), root -> {}, base))
          .hasMessageEndingWith("/no/such/f: no such file or directory");
      assertThatThrownBy(() -> lab.run(on(0).setMkfile(file("/f/x")).build(), root -> {}, base))
          .hasMessageEndingWith("/f/x: not a directory");
      assertThatThrownBy(() ->
              lab.run(
                  on(0)
                      .setSecondaryInput(1)
                      .setCopy(copy("/", "/").setDirCopyContents(true))
                      .build(),
                  root -> {},
                  base,
                  other))
          .hasMessage("cannot copy to non-directory: /f");
    }
  }
}
