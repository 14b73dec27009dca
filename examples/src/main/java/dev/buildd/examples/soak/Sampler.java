package dev.buildd.examples.soak;

import dev.buildd.base.json.Json;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Looks at the daemon and its disk every second or so. Safe for use by many threads. */
final class Sampler implements Runnable {
  private static final Duration BETWEEN = Duration.ofSeconds(1);

  private final Settings settings;
  private final DaemonProcess daemon;
  private final Volume volume;
  private final Tally tally;
  private final List<Sample> samples = new ArrayList<>(); // guarded by this
  private long peak; // the most bytes in use, looked at more often; guarded by this

  Sampler(Settings settings, DaemonProcess daemon, Volume volume, Tally tally) {
    this.settings = settings;
    this.daemon = daemon;
    this.volume = volume;
    this.tally = tally;
  }

  /** Until it is interrupted. */
  @Override
  public void run() {
    long due = System.nanoTime();
    try {
      while (true) {
        try {
          long used = volume.used();
          synchronized (this) {
            peak = Math.max(peak, used);
          }
          if (System.nanoTime() - due >= 0) {
            due += BETWEEN.toNanos();
            if (daemon.isUp()) {
              add(used);
            }
          }
        } catch (IOException | RuntimeException e) {
          // it is ended or started just now
        }
        Thread.sleep(100);
      }
    } catch (InterruptedException e) {
      // over
    }
  }

  private void add(long used) throws IOException {
    long pid = daemon.pid();
    Map<String, Object> figures = daemon.figures();
    Sample sample =
        new Sample(
            tally.seconds(),
            daemon.generation(),
            tally.done(),
            used,
            Proc.resident(pid),
            Proc.proportional(pid),
            Json.number(figures, "heapUsed"),
            Proc.threads(pid),
            Proc.descriptors(pid),
            Proc.mountsBelow(settings.root()).size(),
            Proc.below(pid).size(),
            Json.number(figures, "leases"));
    synchronized (this) {
      samples.add(sample);
    }
  }

  synchronized List<Sample> samples() {
    return List.copyOf(samples);
  }

  /** The most bytes of the filesystem that were in use, looked at ten times a second. */
  synchronized long peak() {
    return peak;
  }
}
