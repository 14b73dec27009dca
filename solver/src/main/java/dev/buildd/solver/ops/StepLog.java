package dev.buildd.solver.ops;

import dev.buildd.solver.graph.VertexProgress;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * One output stream of a step on its way to the users. Beyond its limits output is dropped with a
 * note that says so; its end is kept and told when the step has ended.
 *
 * <p>Used by one thread at a time.
 */
final class StepLog extends OutputStream {
  private static final int KEPT = 256 << 10;

  /**
   * How much one stream of one step may say.
   *
   * @param bytes in all; -1 for any number
   * @param bytesPerSecond on average since the step began; -1 for any number
   */
  record Limits(long bytes, long bytesPerSecond) {
    /** BuildKit's: 2 MiB and 200 KiB/s, or what the environment says. */
    static Limits fromEnvironment() {
      return new Limits(
          number("BUILDKIT_STEP_LOG_MAX_SIZE", 2 << 20),
          number("BUILDKIT_STEP_LOG_MAX_SPEED", 200 << 10));
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

  StepLog(VertexProgress progress, int stream, Limits limits, Optional<OutputStream> echo) {
    this.progress = progress;
    this.stream = stream;
    this.limits = limits;
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
    byte[] out = Arrays.copyOfRange(data, offset, offset + allowed);
    if (allowed == length) {
      clipping = false;
    } else if (!clipping) {
      clipping = true;
      byte[] note =
          ("\n[output clipped, log limit " + reached() + " reached]\n")
              .getBytes(StandardCharsets.UTF_8);
      out = Arrays.copyOf(out, allowed + note.length);
      System.arraycopy(note, 0, out, allowed, note.length);
    }
    publish(out);
  }

  private void publish(byte[] out) throws IOException {
    if (out.length > 0) {
      progress.log(stream, out);
      if (echo.isPresent()) {
        echo.get().write(out);
      }
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

  /** Tells the end of what was dropped, which says most about how the step ended. */
  void publishDropped() throws IOException {
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
    publish(out);
  }
}
