package dev.buildd.daemon;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.text.ParseException;
import java.time.Duration;
import jdk.jfr.Configuration;
import jdk.jfr.Recording;
import org.jspecify.annotations.Nullable;

/**
 * What the JVM has done lately, held ready for whoever asks once something odd was seen: a
 * recording of JFR that goes on and forgets what is old. Safe for use by many threads.
 */
final class FlightRecorder implements AutoCloseable {
  private static final long MAX_BYTES = 128L << 20;
  private static final Duration LONGEST = Duration.ofHours(1);

  private Duration period = Duration.ofSeconds(10); // as of Go's; guarded by this
  private @Nullable Recording recording; // guarded by this

  private static BuildException conflict(String message) {
    return new BuildException(Category.ALREADY_EXISTS, message);
  }

  /** Begins; {@code ALREADY_EXISTS} if it goes on. */
  synchronized void start() throws IOException, ParseException {
    if (recording != null) {
      throw conflict("the flight recorder is running already");
    }
    Recording next = new Recording(Configuration.getConfiguration("default"));
    next.setMaxAge(period);
    next.setMaxSize(MAX_BYTES);
    next.start();
    recording = next;
  }

  /** Ends; {@code ALREADY_EXISTS} if it has. */
  synchronized void stop() {
    Recording running = recording;
    if (running == null) {
      throw conflict("the flight recorder is not running");
    }
    recording = null;
    running.close();
  }

  /** How far back it reaches at least, once it is started again. */
  synchronized void setPeriod(Duration wanted) {
    if (recording != null) {
      throw new BuildException(
          Category.FAILED_PRECONDITION,
          "the flight recorder is running, stop it to change its period");
    }
    if (wanted.isNegative() || wanted.isZero() || wanted.compareTo(LONGEST) > 0) {
      throw BuildException.invalid("the period is more than nothing and at most an hour");
    }
    period = wanted;
  }

  /** A file with what it holds; whoever asks deletes it. */
  Path dump() throws IOException {
    Recording copy;
    synchronized (this) {
      Recording running = recording;
      if (running == null) {
        throw conflict("the flight recorder is not running: POST /debug/flight/trace/start");
      }
      copy = running.copy(true);
    }
    Path file = Files.createTempFile("buildd", ".jfr");
    boolean done = false;
    try (copy) {
      copy.dump(file);
      done = true;
      return file;
    } finally {
      if (!done) {
        Files.deleteIfExists(file);
      }
    }
  }

  @Override
  public synchronized void close() {
    if (recording != null) {
      stop();
    }
  }
}
