package dev.buildd.base.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LinuxTest {
  @Test
  void groupsAreKnownByNameAndNumber() {
    assertThat(Accounts.groupId("root")).isZero();
    assertThat(Accounts.groupId("4711")).isEqualTo(4711);
    assertThatThrownBy(() -> Accounts.groupId("no-such-group"))
        .hasMessage("group no-such-group not found");
  }

  @Test
  void nativeExecutablesFindTheSameGroups() throws Exception {
    for (String line : Files.readAllLines(Path.of("/etc/group"))) {
      String name = line.substring(0, line.indexOf(':'));
      assertThat(Accounts.asExecutable(name)).hasValue(Accounts.groupId(name));
    }
    assertThat(Accounts.asExecutable("no-such-group")).isEmpty();
  }

  @TempDir Path dir;

  @Test
  void lstatTellsWhatWasSet() throws Exception {
    Path file = Files.writeString(dir.resolve("f"), "hello");
    Linux.chmod(file, 04755);
    Linux.utimensat(file, Linux.UTIME_OMIT, 1_234_567_890_123_456_789L);
    Stat stat = Linux.lstat(file);
    assertThat(stat.isRegular()).isTrue();
    assertThat(stat.permissions()).isEqualTo(04755);
    assertThat(stat.size()).isEqualTo(5);
    assertThat(stat.mtimeNanos()).isEqualTo(1_234_567_890_123_456_789L);
    assertThat(stat.nlink()).isEqualTo(1);
    Linux.link(file, dir.resolve("g"));
    assertThat(Linux.lstat(file).nlink()).isEqualTo(2);
  }

  @Test
  void openFilesAreWrittenWhateverTheirNameIsByNow() throws Exception {
    Path file = dir.resolve("f");
    byte[] content = new byte[600_000];
    new Random(1).nextBytes(content);
    OutputFile out = OutputFile.create(file);
    try (out) {
      Files.move(file, dir.resolve("g"));
      out.write(ByteBuffer.wrap(content, 0, 5));
      out.write(ByteBuffer.wrap(content, 5, content.length - 5).asReadOnlyBuffer());
      out.setOwner(Linux.lstat(dir).uid(), Linux.lstat(dir).gid());
      out.setPermissions(02751);
      out.setTimes(Linux.UTIME_OMIT, 1_234_567_890_123_456_789L);
    }
    out.close();
    assertThat(dir.resolve("g")).hasBinaryContent(content);
    assertThat(Linux.lstat(dir.resolve("g")).permissions()).isEqualTo(02751);
    assertThat(Linux.lstat(dir.resolve("g")).mtimeNanos()).isEqualTo(1_234_567_890_123_456_789L);
    assertThatThrownBy(() -> out.write(ByteBuffer.wrap(content)))
        .hasMessageStartingWith("write " + file);
    assertThatThrownBy(() -> OutputFile.create(dir.resolve("g"))).hasMessageContaining("exists");
  }

  @Test
  void symlinksAreNotFollowed() throws Exception {
    Linux.symlink("nowhere", dir.resolve("l"));
    assertThat(Linux.lstat(dir.resolve("l")).isSymlink()).isTrue();
    assertThat(Linux.readlink(dir.resolve("l"))).isEqualTo("nowhere");
    assertThat(Linux.tryLstat(dir.resolve("absent"))).isNull();
  }

  @Test
  void attributesAreBinary() throws Exception {
    Path file = Files.writeString(dir.resolve("f"), "");
    byte[] value = {0, (byte) 0xff, 1};
    Linux.setxattr(file, "user.k", value);
    assertThat(Linux.xattrs(file)).containsOnlyKeys("user.k");
    assertThat(Linux.getxattr(file, "user.k")).isEqualTo(value);
    assertThat(Linux.getxattr(file, "user.absent")).isNull();
  }

  @Test
  void openat2StaysInRoot() throws Exception {
    Files.createDirectory(dir.resolve("root"));
    Files.writeString(dir.resolve("secret"), "s");
    Linux.symlink("/secret", dir.resolve("root/abs"));
    Linux.symlink("../secret", dir.resolve("root/rel"));
    int root = Linux.open(dir.resolve("root"), Linux.O_PATH | Linux.O_DIRECTORY, 0);
    try {
      for (String name : new String[] {"abs", "rel", "../secret"}) {
        assertThatThrownBy(
                () -> Linux.openat2(root, name, Linux.O_RDONLY, 0, Linux.RESOLVE_IN_ROOT))
            .hasMessageContaining("no such file or directory");
      }
    } finally {
      Linux.close(root);
    }
  }

  @Test
  @Tag("root")
  void numbersArriveWhole() throws Exception {
    Path file = Files.writeString(dir.resolve("f"), "");
    long size = (5L << 32) + 3;
    Linux.truncate(file, size);
    Linux.lchown(file, -2, 65536);
    assertThat(Linux.lstat(file).size()).isEqualTo(size);
    assertThat(Linux.lstat(file).uid()).isEqualTo(-2);
    assertThat(Linux.lstat(file).gid()).isEqualTo(65536);
    long device = Linux.makeDevice(4000, 700_000);
    Linux.mknod(dir.resolve("device"), Stat.S_IFCHR | 0600, device);
    assertThat(Linux.lstat(dir.resolve("device")).rdev()).isEqualTo(device);
  }

  @Test
  @Tag("root")
  void callsOfManyArgumentsTakeThemInOrder() throws Exception {
    Path a = Files.writeString(dir.resolve("a"), "a");
    Path b = Files.writeString(dir.resolve("b"), "b");
    Linux.rename(a, b, Linux.RENAME_EXCHANGE);
    assertThat(a).hasContent("b");
    assertThatThrownBy(() -> Linux.rename(a, b, Linux.RENAME_NOREPLACE))
        .hasMessageContaining("exists");
    Path at = Files.createDirectory(dir.resolve("at"));
    Linux.mount("tmpfs", at, "tmpfs", Linux.MS_RDONLY | Linux.MS_NOEXEC, "size=4k,mode=0711");
    try {
      assertThat(Linux.filesystemType(at)).isEqualTo(0x01021994);
      assertThat(Linux.lstat(at).permissions()).isEqualTo(0711);
      assertThatThrownBy(() -> Linux.mkdir(at.resolve("d"), 0755))
          .hasMessageContaining("read-only");
    } finally {
      Linux.umount(at, Linux.UMOUNT_NOFOLLOW);
    }
    int fd = Linux.open(b, Linux.O_RDWR, 0);
    try {
      Linux.fallocate(fd, 8192);
      assertThat(Linux.fstat(fd).size()).isEqualTo(8192);
      assertThat(Linux.tryLock(fd)).isTrue();
    } finally {
      Linux.close(fd);
    }
    assertThatThrownBy(() -> Linux.close(fd)).hasMessageContaining("errno 9");
  }

  @Test
  void namesKeepTheirBytes() throws Exception {
    String name = new String("ж".getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8);
    Linux.mkdir(dir.resolve(name), 0700);
    assertThat(Files.isDirectory(dir.resolve(name))).isTrue();
  }

  @Test
  void goModeGoesRoundAndBack() {
    for (int mode :
        new int[] {0100644, 0040755, 0120777, 0020666, 0060600, 0010600, 0104755, 0041777}) {
      assertThat(GoFileMode.toUnix(GoFileMode.fromUnix(mode))).isEqualTo(mode);
    }
  }

  @Test
  void deviceNumbersGoRoundAndBack() {
    long device = Linux.makeDevice(259, 70000);
    assertThat(Linux.major(device)).isEqualTo(259);
    assertThat(Linux.minor(device)).isEqualTo(70000);
  }
}
