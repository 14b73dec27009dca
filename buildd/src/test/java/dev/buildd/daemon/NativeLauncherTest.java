package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.linux.Linux;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the launcher of the daemon's executable looks at, in shells of its own kind. */
class NativeLauncherTest {
  private static final Path TOP = Path.of("/sys/fs/cgroup");

  private Path cgroup;
  private String limit;

  @BeforeEach
  void makeCgroup() throws Exception {
    boolean unified = Files.exists(TOP.resolve("cgroup.controllers"));
    if (unified) {
      Files.writeString(TOP.resolve("cgroup.subtree_control"), "+memory");
    }
    Path parent = unified ? TOP : TOP.resolve("memory");
    limit = unified ? "memory.max" : "memory.limit_in_bytes";
    cgroup = parent.resolve("buildd-test-launcher");
    Linux.mkdir(cgroup, 0755);
  }

  @AfterEach
  void removeCgroup() throws Exception {
    Linux.rmdir(cgroup);
  }

  private String run(String script) throws Exception {
    String all =
        "echo $$ > "
            + cgroup.resolve("cgroup.procs")
            + "\n"
            + Files.readString(Path.of("..", "packaging", "native.sh"))
            + script;
    Process shell = new ProcessBuilder("sh", "-euc", all).redirectErrorStream(true).start();
    String out = new String(shell.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(shell.waitFor()).as(out).isZero();
    return out.trim();
  }

  @Test
  void theHeapIsHalfOfWhatTheCgroupMayHave() throws Exception {
    assertThat(run("bound; echo \"heap $heap\"")).isEqualTo("heap");
    Files.writeString(cgroup.resolve(limit), Long.toString(1L << 30));
    assertThat(run("bound; echo \"heap $heap\"")).isEqualTo("heap -Xmx" + (1L << 29));
  }

  @Test
  void aProcessorIsAskedForWhatTheExecutableIsCompiledFor() throws Exception {
    String flags = Files.readString(Path.of("/proc/cpuinfo"));
    boolean fits = flags.contains(" avx2 ") && flags.contains(" bmi2 ");
    assertThat(run("if fits; then echo fits; else echo other; fi"))
        .isEqualTo(fits ? "fits" : "other");
  }
}
