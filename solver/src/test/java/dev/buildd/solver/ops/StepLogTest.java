package dev.buildd.solver.ops;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.content.Digest;
import dev.buildd.solver.graph.Journal;
import dev.buildd.solver.graph.ProgressEvent;
import dev.buildd.solver.graph.VertexProgress;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What users see of a step that says more than it may. */
class StepLogTest {
  private final Journal journal = new Journal();
  private final VertexProgress progress =
      VertexProgress.standalone(journal, Digest.of("step"), "step");

  @TempDir Path scratch;

  private StepLog log(long bytes, long bytesPerSecond) {
    return log(bytes, bytesPerSecond, -1);
  }

  private StepLog log(long bytes, long bytesPerSecond, long bytesInRecord) {
    return new StepLog(
        progress,
        1,
        new StepLog.Limits(bytes, bytesPerSecond, bytesInRecord),
        scratch,
        Optional.empty());
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

  /** What a record of the build has. */
  private String recorded() throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (ProgressEvent event : journal.snapshot()) {
      switch (event) {
        case ProgressEvent.Log line when !line.watchersOnly() -> out.writeBytes(line.data());
        case ProgressEvent.Clipped clipped ->
            out.writeBytes(clipped.file().read(clipped.offset(), clipped.length()));
        default -> {}
      }
    }
    return out.toString(StandardCharsets.UTF_8);
  }

  @Test
  void aRecordHasAllInOrder() throws Exception {
    StepLog log = log(-1, 2048);
    StringBuilder all = new StringBuilder();
    for (int i = 0; i < 200_000; i++) {
      all.append(i).append('\n');
    }
    write(log, all.substring(0, 3000));
    write(log, all.substring(3000, 4000));
    Thread.sleep(1000);
    write(log, all.substring(4000, 4010)); // told again: a second has gone by
    write(log, all.substring(4010));
    log.publishDropped();
    assertThat(recorded()).isEqualTo(all.toString());
    assertThat(told()).contains("reached]\n" + all.substring(4000, 4010)).endsWith("199999\n");
    assertThat(scratch).isEmptyDirectory(); // the file has no name
  }

  @Test
  void aRecordHasItsLimitToo() throws Exception {
    StepLog log = log(10, -1, 20);
    write(log, "the beginning, more of it, the middle");
    for (int i = 0; i < 60_000; i++) {
      write(log, "in the middle\n");
    }
    write(log, "the end\n");
    log.publishDropped();
    assertThat(recorded())
        .startsWith("the beginning, more of it, the\n[output clipped, log limit 20B reached]\n")
        .endsWith("in the middle\nthe end\n");
  }

  @Test
  void whatCannotBeKeptHarmsNoStep() throws Exception {
    Files.delete(scratch);
    StepLog log = log(10, -1);
    write(log, "the beginning, and the end");
    log.publishDropped();
    assertThat(recorded()).isEqualTo("the beginn" + "the beginning, and the end");
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
