package dev.buildd.base.metrics;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.DoubleStream;

/**
 * How many things took how long. Safe for use by many threads, which do not wait for each other.
 */
public final class Histogram {
  private static final double NANOS = 1e9;

  private final double[] bounds;
  private final LongAdder[] counts; // one more than bounds: what is above them all
  private final LongAdder nanos = new LongAdder();

  /**
   * @param bounds of the buckets in seconds, ascending: what took as long as one counts as below it
   */
  public Histogram(double... bounds) {
    this.bounds = bounds.clone();
    for (int i = 1; i < bounds.length; i++) {
      if (!(bounds[i - 1] < bounds[i])) {
        throw new IllegalArgumentException("bounds do not ascend: " + Arrays.toString(bounds));
      }
    }
    this.counts = new LongAdder[bounds.length + 1];
    Arrays.setAll(counts, i -> new LongAdder());
  }

  /** Counts something that took so many nanoseconds. */
  public void record(long took) {
    double seconds = took / NANOS;
    int bucket = 0;
    while (bucket < bounds.length && seconds > bounds[bucket]) {
      bucket++;
    }
    nanos.add(took);
    counts[bucket].increment();
  }

  /** Counts something that took so long. */
  public void record(Duration took) {
    record(took.toNanos());
  }

  /**
   * What has been counted.
   *
   * @param bounds of the buckets in seconds
   * @param cumulative how many took as long as each of the bounds, or less; last, how many there
   *     are at all
   * @param sum of all in seconds
   */
  public record Snapshot(List<Double> bounds, List<Long> cumulative, double sum) {
    /** How many there are. */
    public long count() {
      return cumulative.getLast();
    }
  }

  /** What has been counted so far; what comes meanwhile may be in it in part. */
  public Snapshot snapshot() {
    Long[] cumulative = new Long[counts.length];
    long sum = 0;
    for (int i = 0; i < counts.length; i++) {
      sum += counts[i].sum();
      cumulative[i] = sum;
    }
    return new Snapshot(
        DoubleStream.of(bounds).boxed().toList(), List.of(cumulative), nanos.sum() / NANOS);
  }
}
