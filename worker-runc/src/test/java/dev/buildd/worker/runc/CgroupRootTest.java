package dev.buildd.worker.runc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.linux.Linux;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On a cgroup of this machine's v2 hierarchy, as if it were all that there is. */
@Tag("root")
final class CgroupRootTest {
  @TempDir Path temp;
  private Path hierarchy;
  private List<String> handedDown = List.of();
  private Path root;
  private Process process;

  @BeforeEach
  void start() throws Exception {
    // wherever else it is mounted, or nowhere: beside v1's hierarchies there is one of v2
    hierarchy = Files.createDirectory(temp.resolve("cgroup2"));
    Linux.mount("none", hierarchy, "cgroup2", 0, "");
    List<String> more = new ArrayList<>(words(hierarchy.resolve("cgroup.controllers")));
    more.removeAll(words(hierarchy.resolve("cgroup.subtree_control")));
    handedDown = more;
    handDown("+");
    root = Files.createDirectory(hierarchy.resolve("buildd-test-" + ProcessHandle.current().pid()));
    process = new ProcessBuilder("sleep", "600").start();
    write(root.resolve("cgroup.procs"), Long.toString(process.pid()));
  }

  @AfterEach
  void stop() throws Exception {
    if (process != null) {
      process.destroyForcibly().waitFor();
      for (String child : List.of("init", "step")) {
        Files.deleteIfExists(root.resolve(child));
      }
      Files.delete(root);
      handDown("-");
    }
    Linux.umount(hierarchy, Linux.MNT_DETACH);
  }

  private void handDown(String sign) throws Exception {
    for (String controller : handedDown) {
      write(hierarchy.resolve("cgroup.subtree_control"), sign + controller);
    }
  }

  private static void write(Path file, String text) throws Exception {
    Files.writeString(file, text, StandardOpenOption.WRITE);
  }

  private static List<String> words(Path file) throws Exception {
    String text = Files.readString(file).strip();
    return text.isEmpty() ? List.of() : List.of(text.split("\\s+"));
  }

  @Test
  void processesMakeRoomForControllers() throws Exception {
    for (int i = 0; i < 2; i++) { // the second time, as when the container starts again
      CgroupRoot.prepare(root);
      assertThat(words(root.resolve("cgroup.procs"))).isEmpty();
      assertThat(words(root.resolve("init/cgroup.procs")))
          .containsExactly(Long.toString(process.pid()));
      assertThat(words(root.resolve("cgroup.subtree_control")))
          .containsExactlyElementsOf(words(root.resolve("cgroup.controllers")));
    }
    Path step = Files.createDirectory(root.resolve("step"));
    assertThat(words(step.resolve("cgroup.controllers")))
        .containsExactlyElementsOf(words(root.resolve("cgroup.controllers")));
  }

  @Test
  void whatIsNoCgroupIsNamed(@TempDir Path directory) {
    assertThatThrownBy(() -> CgroupRoot.prepare(directory))
        .isInstanceOf(BuildException.class)
        .hasMessage(directory + " is no cgroup v2 hierarchy: it has no cgroup.controllers");
    assertThat(directory).isEmptyDirectory();
  }
}
