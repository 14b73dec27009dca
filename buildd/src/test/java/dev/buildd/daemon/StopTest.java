package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A service manager may stop the daemon as soon as its socket is there. */
@Tag("root")
@Timeout(60)
final class StopTest {
  @RepeatedTest(5)
  void aDaemonThatHasJustBegunToServeEndsInOrder(@TempDir Path directory) throws Exception {
    try (Machine machine = new Machine(directory)) {
      assertThat(machine.stop()).isZero();
      assertThat(machine.mounts()).isEmpty();
      assertThat(Files.exists(directory.resolve("buildd.sock"))).as("its socket").isFalse();
    }
  }
}
