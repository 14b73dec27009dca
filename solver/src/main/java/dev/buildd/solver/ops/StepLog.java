package dev.buildd.solver.ops;

import dev.buildd.solver.graph.KeptOutput;
import dev.buildd.solver.graph.VertexProgress;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One output stream of a step on its way to the users. Beyond its limits output is not told those
 * who watch, with a note that says so; its end is told when the step has ended. Records of builds
 * have all of it, but for what is beyond a second limit.
 *
 * <p>Used by one thread at a time.
 */
final class StepLog extends OutputStream {
  private static final Logger logger = LoggerFactory.getLogger(StepLog.class);
  private static final int KEPT = 256 << 10;

  /** How much of what is not told is put on disk before records are told where it is. */
  private static final int CLIPPED_AT_ONCE = 1 << 20;

  /**
   * How much one stream of one step may say.
   *
   * @param bytes in all; -1 for any number
   * @param bytesPerSecond on average since the step began; -1 for any number
   * @param bytesInRecord how many of those beyond the other limits a record of the build has; -1
   *     for any number
   */
  record Limits(long bytes, long bytesPerSecond, long bytesInRecord) {
    /** BuildKit's: 2 MiB and 200 KiB/s, or what the environment says; a record has 64 MiB more. */
    static Limits fromEnvironment() {
      return new Limits(
          number("BUILDKIT_STEP_LOG_MAX_SIZE", 2 << 20),
          number("BUILDKIT_STEP_LOG_MAX_SPEED", 200 << 10),
          number("BUILDD_STEP_LOG_RECORD_SIZE", 64 << 20));
    }

    private static long number(String variable, long otherwise) {
      String text = System.getenv(variable);
      if (text == null) {
        return otherwise;
      }
      try {
        return Long.parseLong(text);
      } catch (NumberFormatException e) {
        return otherwise;
      }
    }
  }

  private final VertexProgress progress;
  private final int stream;
  private final Limits limits;
  private final Optional<OutputStream> echo;
  private final long begun = System.nanoTime();
  private long size;
  private boolean clipping;
  private byte @Nullable [] kept; // a ring, once something was dropped
  private long keptCount;
  private final Path scratch;
  private @Nullable KeptOutput file; // what was not told, once there is some
  private long inFile;
  private int unrecorded; // how much of the end of the file no record has been told of
  private boolean recorded = true; // whether records have all so far

  /**
   * @param scratch a directory for what is too much to be told
   */
  StepLog(
      VertexProgress progress,
      int stream,
      Limits limits,
      Path scratch,
      Optional<OutputStream> echo) {
    this.progress = progress;
    this.stream = stream;
    this.limits = limits;
    this.scratch = scratch;
    this.echo = echo;
  }

  @Override
  public void write(int b) throws IOException {
    write(new byte[] {(byte) b}, 0, 1);
  }

  @Override
  public void write(byte[] data, int offset, int length) throws IOException {
    if (length == 0) {
      return;
    }
    int allowed = allowed(length);
    if (kept == null && allowed < length) {
      kept = new byte[KEPT];
    }
    keep(data, offset, length);
    if (allowed > 0) {
      recordClipped();
      publish(Arrays.copyOfRange(data, offset, offset + allowed), false);
    }
    if (allowed == length) {
      clipping = false;
      return;
    }
    if (!clipping) {
      clipping = true;
      publish(note(reached()), true);
    }
    clip(data, offset + allowed, length - allowed);
  }

  private static byte[] note(String limit) {
    return ("\n[output clipped, log limit " + limit + " reached]\n")
        .getBytes(StandardCharsets.UTF_8);
  }

  private void publish(byte[] out, boolean watchersOnly) throws IOException {
    if (watchersOnly) {
      progress.logToWatchers(stream, out);
    } else {
      progress.log(stream, out);
    }
    if (echo.isPresent()) {
      echo.get().write(out);
    }
  }

  /** Keeps for records what those who watch are not told. */
  private void clip(byte[] data, int offset, int length) {
    if (!recorded) {
      return;
    }
    long limit = limits.bytesInRecord;
    int fits = limit == -1 ? length : Math.clamp(limit - inFile, 0, length);
    try {
      toFile(data, offset, fits);
      if (fits < length) {
        byte[] note = note(amount(limit));
        toFile(note, 0, note.length);
        recorded = false;
      }
    } catch (IOException e) { // no reason for a step to fail
      logger.warn("the output of a step beyond its limits could not be kept in {}", scratch, e);
      recorded = false;
    }
    if (unrecorded >= CLIPPED_AT_ONCE || !recorded) {
      recordClipped();
    }
  }

  private void toFile(byte[] data, int offset, int length) throws IOException {
    if (length == 0) {
      return;
    }
    KeptOutput to = file == null ? file = KeptOutput.in(scratch) : file;
    to.append(data, offset, length);
    inFile += length;
    unrecorded += length;
  }

  private void recordClipped() {
    if (file != null && unrecorded > 0) {
      progress.clipped(stream, file, inFile - unrecorded, unrecorded);
      unrecorded = 0;
    }
  }

  private long speedLimit() {
    long seconds = (System.nanoTime() - begun + 999_999_999L) / 1_000_000_000L;
    return limits.bytesPerSecond == -1
        ? Long.MAX_VALUE
        : Math.max(1, seconds) * limits.bytesPerSecond;
  }

  private int allowed(int length) {
    long before = size;
    size += length;
    long limit = Math.min(speedLimit(), limits.bytes == -1 ? Long.MAX_VALUE : limits.bytes);
    return Math.clamp(limit - before, 0, length);
  }

  private String reached() {
    boolean speed = limits.bytes == -1 || speedLimit() <= limits.bytes;
    return speed ? amount(limits.bytesPerSecond) + "/s" : amount(limits.bytes);
  }

  private static String amount(long bytes) {
    if (bytes >= 1 << 20 && bytes % (1 << 20) == 0) {
      return (bytes >> 20) + "MiB";
    }
    return bytes >= 1 << 10 ? trimmed(bytes / 1024.0) + "KiB" : bytes + "B";
  }

  private static String trimmed(double value) {
    return value == Math.rint(value) ? Long.toString((long) value) : Double.toString(value);
  }

  private void keep(byte[] data, int offset, int length) {
    byte[] ring = kept;
    if (ring == null) {
      return;
    }
    int from = Math.max(0, length - KEPT);
    for (int i = from; i < length; i++) {
      ring[(int) ((keptCount + i) % KEPT)] = data[offset + i];
    }
    keptCount += length;
  }

  /** Tells the end of what was not told, which says most about how the step ended. */
  void publishDropped() throws IOException {
    recordClipped();
    byte[] ring = kept;
    if (ring == null) {
      return;
    }
    kept = null;
    int length = (int) Math.min(KEPT, keptCount);
    byte[] out = new byte[length];
    for (int i = 0; i < length; i++) {
      out[i] = ring[(int) ((keptCount - length + i) % KEPT)];
    }
    publish(out, recorded);
  }
}
