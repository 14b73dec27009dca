package dev.buildd.solver.executor;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.metrics.ResourceSample;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Looks at intervals at what a container takes, until it is closed. What has gone on for long has
 * fewer samples of each minute: never more than a few dozen in all.
 *
 * <p>Safe for use by many threads.
 */
final class Sampling implements AutoCloseable {
  static final Duration FIRST_INTERVAL = Duration.ofSeconds(2); // as BuildKit's
  static final int MAX_SAMPLES = 60;

  private final Container container;
  private final CountDownLatch over = new CountDownLatch(1);
  private final Thread thread;
  private List<ResourceSample> samples = new ArrayList<>(); // guarded by this

  private Sampling(Container container, String name, Duration interval) {
    this.container = container;
    this.thread = Threads.unstarted("samples of " + name, () -> run(interval));
  }

  /**
   * Begins.
   *
   * @param name of what runs in it
   */
  static Sampling of(Container container, String name, Duration interval) {
    Sampling sampling = new Sampling(container, name, interval);
    sampling.thread.start();
    return sampling;
  }

  private void run(Duration first) {
    Duration interval = first;
    try {
      while (!over.await(interval.toNanos(), TimeUnit.NANOSECONDS)) {
        if (add(container.sample())) {
          interval = interval.multipliedBy(2);
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (Exception e) {
      // its cgroup is gone, and the process with it: there is no more to be seen
    }
  }

  /** Whether that were so many that every other one was dropped. */
  private synchronized boolean add(ResourceSample sample) {
    samples.add(sample);
    if (samples.size() <= MAX_SAMPLES) {
      return false;
    }
    List<ResourceSample> kept = new ArrayList<>();
    for (int i = 1; i < samples.size(); i += 2) {
      kept.add(samples.get(i));
    }
    samples = kept;
    return true;
  }

  /** Those so far, in their order. */
  synchronized List<ResourceSample> samples() {
    return List.copyOf(samples);
  }

  @Override
  public void close() {
    over.countDown();
  }
}
