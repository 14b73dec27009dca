package dev.buildd.snapshot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.linux.FileFailures;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.LinuxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("root")
class MountTest {
  @TempDir Path temp;

  @AfterEach
  void unmount() throws Exception {
    Mount.detachAllBelow(temp.toRealPath());
  }

  /** An overlay on a filesystem that has room for so many files and directories. */
  private Mount overlay(int inodes) throws Exception {
    Path disk = Files.createDirectory(temp.resolve("disk" + inodes));
    new Mount("tmpfs", "tmpfs", List.of("nr_inodes=" + inodes)).at(disk);
    Path lower = Files.createDirectory(disk.resolve("lower"));
    Path upper = Files.createDirectory(disk.resolve("upper"));
    Path work = Files.createDirectory(disk.resolve("work"));
    return new Mount(
        "overlay", "overlay", List.of("lowerdir=" + lower, "upperdir=" + upper, "workdir=" + work));
  }

  @Test
  void whatCannotBeWrittenToForWantOfSpaceIsNotMounted() throws Exception {
    Path target = Files.createDirectory(temp.resolve("target"));
    assertThatThrownBy(() -> overlay(4).at(target)) // the root and the three
        .isInstanceOf(LinuxException.class)
        .hasMessageContaining("no space left on device")
        .matches(FileFailures::isDiskFull);
    assertThat(Files.readString(Path.of("/proc/self/mountinfo")))
        .doesNotContain(" " + target + " ");

    overlay(100).at(target);
    Files.createFile(target.resolve("file"));
    assertThat(Linux.isReadOnlyFilesystem(target)).isFalse();
  }

  @Test
  void whatIsToBeReadOnlyIs() throws Exception {
    Path target = Files.createDirectory(temp.resolve("target"));
    overlay(4).readOnly().at(target);
    assertThat(Linux.isReadOnlyFilesystem(target)).isTrue();
  }
}
