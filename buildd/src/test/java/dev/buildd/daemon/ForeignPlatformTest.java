package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.content.Platform;
import dev.buildd.client.BuildClient;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Steps of a platform for which this machine has no emulator. */
@Tag("root")
@Timeout(180)
final class ForeignPlatformTest {
  @TempDir static Path directory;
  private static Machine machine;

  @BeforeAll
  static void start() throws Exception {
    Machine.busybox(directory);
    machine = new Machine(directory);
  }

  @AfterAll
  static void leavesNothing() throws Exception {
    assertThat(machine.stop()).isZero();
  }

  private static void build(State state) throws Exception {
    try (BuildClient client = machine.client()) {
      client.solve(Optional.of(state.marshal()), machine.options(), status -> {});
    }
  }

  /** The daemon has a program of each architecture, to try whether the machine runs it. */
  @Test
  void whatToInstallIsSaid() throws Exception {
    byte[] program = Files.readAllBytes(machine.root().resolve("platforms/s390x"));
    State foreign =
        Llb.scratch()
            .file(Llb.mkfile("/program", 0755, program, dev.buildd.llb.FileAction.Make.DEFAULT))
            .platform(Platform.of("linux", "s390x"))
            .run(Llb.args("/program"))
            .root();
    assertThatThrownBy(() -> build(foreign))
        .hasMessageContaining("did not complete successfully")
        .hasMessageContaining("linux/s390x")
        .hasMessageContaining("binfmt_misc");
  }

  @Test
  void aFailureOfTheMachinesOwnPlatformSaysNothingOfIt() {
    State failing = Machine.base().run(Llb.args("/bin/sh", "-c", "exit 3")).root();
    assertThatThrownBy(() -> build(failing))
        .hasMessageEndingWith("did not complete successfully: exit code: 3");
  }
}
