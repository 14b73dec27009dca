package dev.buildd.base.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class PrivateDirectoryTest {
  @TempDir Path dir;

  @Test
  void isMadeForItsOwnerAlone() throws Exception {
    Path made = PrivateDirectory.make(dir.resolve("a/b"));
    assertThat(Linux.lstat(made).permissions()).isEqualTo(0700);
    Linux.chmod(made, 0755);
    PrivateDirectory.make(made);
    assertThat(Linux.lstat(made).permissions()).isEqualTo(0700);
  }

  @Test
  void aRootThatWasInUseIsMendedWithWhatLiesInIt() throws Exception {
    Path root = Files.createDirectory(dir.resolve("root"));
    Files.createDirectory(root.resolve("in"));
    Files.writeString(root.resolve("mark"), "");
    Linux.chmod(root, 0711);
    Linux.chmod(root.resolve("in"), 0755);
    Linux.chmod(root.resolve("mark"), 0644);
    Linux.symlink("root", dir.resolve("link"));
    assertThat(PrivateDirectory.makeRoot(dir.resolve("link"), "mark")).isEqualTo(root.toRealPath());
    assertThat(Linux.lstat(root).permissions()).isEqualTo(0700);
    assertThat(Linux.lstat(root.resolve("in")).permissions()).isEqualTo(0700);
    assertThat(Linux.lstat(root.resolve("mark")).permissions()).isEqualTo(0600);
  }

  @Test
  void aDirectoryOfSomebodyElseIsNotTaken() throws Exception {
    Path home = Files.createDirectory(dir.resolve("home"));
    Files.createDirectory(home.resolve("documents"));
    Linux.chmod(home, 0755);
    assertThatThrownBy(() -> PrivateDirectory.makeRoot(home, "mark"))
        .isInstanceOfSatisfying(
            BuildException.class,
            e -> assertThat(e.category()).isEqualTo(Category.FAILED_PRECONDITION))
        .hasMessageContaining("holds other things");
    assertThat(Linux.lstat(home).permissions()).isEqualTo(0755);
    Linux.chmod(home, 0700);
    Linux.chmod(home.resolve("documents"), 0755);
    assertThat(PrivateDirectory.makeRoot(home, "mark")).isEqualTo(home.toRealPath());
    assertThat(Linux.lstat(home.resolve("documents")).permissions()).isEqualTo(0755);
  }
}
