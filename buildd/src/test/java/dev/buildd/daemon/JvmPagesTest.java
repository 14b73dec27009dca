package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Pages for looking into a daemon that only a JVM can make. */
class JvmPagesTest {
  @TempDir static Path directory;
  private static Machine machine;

  @BeforeAll
  static void start() throws Exception {
    machine = new Machine(directory, List.of(), Map.of("BUILDD_NATIVE", ""));
    machine.awaitLog("debug handlers listening");
  }

  @AfterAll
  static void stop() throws Exception {
    machine.close();
  }

  @Test
  void theHeapIsTold() throws Exception {
    assertThat(machine.debugPage("/debug/heap")).contains("java.lang.String");
  }

  @Test
  void theJvmIsRecordedForAWhile() throws Exception {
    assertThat(machine.debug("POST", "/debug/jfr?seconds=0").status()).isEqualTo(400);
    assertThat(machine.debug("POST", "/debug/jfr?seconds=301").text())
        .isEqualTo("seconds is a number from 1 to 300, not 301\n");
    Machine.DebugAnswer recorded = machine.debug("POST", "/debug/jfr?seconds=1");
    assertThat(recorded.status()).isEqualTo(200);
    assertThat(recorded.body()).startsWith('F', 'L', 'R', 0);
    Path file = directory.resolve("recording.jfr");
    Files.write(file, recorded.body());
    assertThat(RecordingFile.readAllEvents(file)).isNotEmpty();
  }
}
