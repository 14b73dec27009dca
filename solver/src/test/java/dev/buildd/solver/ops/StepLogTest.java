package dev.buildd.solver.ops;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.content.Digest;
import dev.buildd.solver.graph.Journal;
import dev.buildd.solver.graph.ProgressEvent;
import dev.buildd.solver.graph.VertexProgress;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What users see of a step that says more than it may. */
class StepLogTest {
  private final Journal journal = new Journal();
  private final VertexProgress progress =
      VertexProgress.standalone(journal, Digest.of("step"), "step");

  private StepLog log(long bytes, long bytesPerSecond) {
    return new StepLog(progress, 1, new StepLog.Limits(bytes, bytesPerSecond), Optional.empty());
  }

  private static void write(StepLog log, String text) throws Exception {
    log.write(text.getBytes(StandardCharsets.UTF_8));
  }

  private String told() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (ProgressEvent event : journal.snapshot()) {
      if (event instanceof ProgressEvent.Log line) {
        out.writeBytes(line.data());
      }
    }
    return out.toString(StandardCharsets.UTF_8);
  }

  @Test
  void theFirstAndTheLastPartAreTold() throws Exception {
    StepLog log = log(10, -1);
    write(log, "the beginning");
    for (int i = 0; i < 60_000; i++) {
      write(log, "in the middle\n");
    }
    write(log, "the end\n");
    log.publishDropped();
    assertThat(told())
        .startsWith("the beginn\n[output clipped, log limit 10B reached]\n")
        .endsWith("in the middle\nthe end\n")
        .hasSizeBetween(256 << 10, (256 << 10) + 100);
  }

  @Test
  void nothingIsDroppedBelowTheLimits() throws Exception {
    StepLog log = log(100, 100);
    write(log, "all of it\n");
    log.publishDropped();
    assertThat(told()).isEqualTo("all of it\n");
  }

  @Test
  void whoTalksTooFastIsClippedUntilTheNextSecond() throws Exception {
    StepLog log = log(-1, 2048);
    write(log, "x".repeat(2050));
    assertThat(told()).endsWith("[output clipped, log limit 2KiB/s reached]\n");
    log.publishDropped();
    assertThat(told()).endsWith("reached]\n" + "x".repeat(2050));
  }
}
