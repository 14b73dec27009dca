package dev.buildd.daemon.gc;

import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.Defects;
import dev.buildd.base.linux.FileFailures;
import dev.buildd.cache.CacheManager;
import dev.buildd.cache.Pace;
import dev.buildd.cache.PlannedRecord;
import dev.buildd.cache.PruneOptions;
import dev.buildd.cache.UsageRecord;
import dev.buildd.daemon.build.BuildObserver;
import dev.buildd.gateway.WorkerInfo.GcPolicy;
import dev.buildd.snapshot.LayerFiles;
import dev.buildd.snapshot.Snapshotter;
import dev.buildd.snapshot.content.ContentStore;
import dev.buildd.snapshot.content.LeaseManager;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Removes what the rules say: after builds, at the start, when the disk gets short, and when a
 * build finds it full. Whoever asks for a pruning goes before: one thing is done at a time, with
 * regard for builds that run, and its space is free when it returns.
 *
 * <p>Safe for use by many threads.
 */
public final class Collector implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Collector.class);
  private static final int RESTS = 4; // times as long as it works, while builds run
  private static final int HURRIED_RESTS = 3; // with somebody waiting
  private static final Duration LONGEST_REST = Duration.ofSeconds(1);
  private static final long LEAST_STEP = 4L << 20;
  private static final long LEAST_ROOM = 64L << 20;

  /**
   * What is collected from.
   *
   * @param needed whether something still needs a blob
   * @param beside directories of the root that count too; no mounts are below them
   */
  public record Parts(
      CacheManager cache,
      Snapshotter snapshotter,
      ContentStore content,
      LeaseManager leases,
      Predicate<Digest> needed,
      List<Path> beside) {}

  /**
   * When it goes by itself.
   *
   * @param afterBuild how long after the end of a build
   * @param between how long after the end of the last time, at least
   * @param look how often the disk is looked at
   */
  public record Timing(Duration afterBuild, Duration between, Duration look) {
    public static final Timing DEFAULT =
        new Timing(Duration.ofSeconds(1), Duration.ofMinutes(1), Duration.ofSeconds(2));
  }

  /** What was removed: records of the cache, and bytes of these and of blobs of nobody. */
  public record Collected(int records, long bytes) {}

  private final Parts parts;
  private final List<GcPolicy> rules;
  private final Timing timing;
  private final long step; // of the disk's free space, to be looked at closely
  private final long room; // made free at least on a full disk; this far above a limit it hurries

  /** Held while something is removed. Fair: who waits gets it next. */
  private final ReentrantLock removing = new ReentrantLock(true);

  private volatile BooleanSupplier building = () -> false;
  private volatile boolean closed;
  private volatile Figures figures = Figures.NONE; // changed by who holds removing
  private boolean asked; // guarded by this
  private long due; // in nanoseconds; guarded by this
  private @Nullable Thread thread; // guarded by this
  private final CountDownLatch ended = new CountDownLatch(1); // the thread
  private long endedAt; // when rules were applied last, in nanoseconds; guarded by this
  private boolean everEnded; // guarded by this
  private long roomMadeAt; // in nanoseconds; guarded by removing
  private boolean roomEverMade; // guarded by removing

  /**
   * @param rules in their order; none if nothing goes by itself
   * @param disk the size of the disk in bytes
   */
  public Collector(Parts parts, List<GcPolicy> rules, Timing timing, long disk) {
    this.parts = parts;
    this.rules = List.copyOf(rules);
    this.timing = timing;
    this.step = Math.max(LEAST_STEP, disk / 1_000);
    this.room = Math.max(LEAST_ROOM, disk / 50);
  }

  public List<GcPolicy> rules() {
    return rules;
  }

  /**
   * Goes by itself from now on.
   *
   * @param builds whether builds run at the moment
   */
  public synchronized void start(BooleanSupplier builds) {
    building = builds;
    if (!rules.isEmpty() && !closed) {
      thread = Threads.start("collector", this::goByItself);
      ask();
    }
  }

  /** Applies the rules soon: something has changed. */
  public synchronized void ask() {
    if (!asked) {
      asked = true;
      due = System.nanoTime() + timing.afterBuild.toNanos();
      if (everEnded && endedAt + timing.between.toNanos() - due > 0) {
        due = endedAt + timing.between.toNanos();
      }
      notifyAll();
    }
  }

  /** Asks after each build, however it ended. */
  public BuildObserver observer() {
    return (request, at) -> ending -> ask();
  }

  private void goByItself() {
    long freeBefore = Long.MIN_VALUE; // so that the first look is no alarm
    try {
      while (!closed) {
        boolean due = awaitTurn();
        try {
          long free = parts.cache.usage().free();
          boolean fell = free <= freeBefore - step;
          if (fell || free > freeBefore) {
            freeBefore = free;
          }
          if (due || (fell && excess() > 0)) {
            collectNow();
            freeBefore = parts.cache.usage().free();
          }
        } catch (RuntimeException e) {
          if (!closed) {
            log.error("cannot collect garbage", e);
            Defects.met("collect garbage", e);
          }
        }
      }
    } catch (InterruptedException e) {
      // closed
    } finally {
      ended.countDown();
    }
  }

  /** Waits until rules are to be applied, which it tells, or the disk is to be looked at. */
  private synchronized boolean awaitTurn() throws InterruptedException {
    long look = System.nanoTime() + timing.look.toNanos();
    while (!closed) {
      long now = System.nanoTime();
      if (asked && due - now <= 0) {
        asked = false;
        return true;
      }
      long left = asked ? Math.min(due - now, look - now) : look - now;
      if (left <= 0) {
        return false;
      }
      wait(left / 1_000_000 + 1);
    }
    throw new InterruptedException();
  }

  /** By how much the limits of the rules are passed, in bytes; zero or less if none is. */
  private long excess() {
    long held = parts.cache.usage().held(beside());
    long free = parts.cache.usage().free();
    return applied().stream()
        .mapToLong(options -> options.excess(held, free))
        .filter(excess -> excess < Long.MAX_VALUE) // of a rule without a limit
        .max()
        .orElse(0);
  }

  private List<PruneOptions> applied() {
    List<PruneOptions> out = new ArrayList<>();
    for (GcPolicy rule : rules) {
      out.add(options(rule, "the collector, rule " + (out.size() + 1)));
    }
    return out;
  }

  private static PruneOptions options(GcPolicy rule, String by) {
    return new PruneOptions(
        rule.all(),
        UsageRecord.matching(rule.filters()),
        Duration.ofNanos(rule.keepDurationNanos()),
        rule.reservedSpace(),
        rule.maxUsedSpace(),
        rule.minFreeSpace(),
        by);
  }

  /** What the root holds beside the files of the cache's records, in bytes. */
  public long beside() {
    long sum = parts.content.bytes();
    for (Path directory : parts.beside) {
      sum +=
          FileFailures.wrap(
              "measure " + directory,
              () ->
                  Threads.nativeCalls()
                      .callUninterruptibly(() -> LayerFiles.usage(directory, false).bytes()));
    }
    return sum;
  }

  /** Applies the rules; if somebody wants to prune meanwhile, what is left has to wait. */
  public Collected collectNow() {
    removing.lock();
    try {
      long excess = excess();
      long free = parts.cache.usage().free();
      // builds that write faster than it removes beside them have to wait for it
      BooleanSupplier hurry = () -> excess + free - parts.cache.usage().free() > room;
      return apply(
          applied(), new Considerate(RESTS, hurry, () -> !removing.hasQueuedThreads() && !closed));
    } finally {
      removing.unlock();
      synchronized (this) {
        endedAt = System.nanoTime();
        everEnded = true;
      }
    }
  }

  /**
   * What it has done since the daemon began, prunings aside.
   *
   * @param runs how often it has gone through the rules
   * @param endedAt when it did so last, in milliseconds since the epoch; zero for never
   */
  public record Figures(long runs, long records, long bytes, long endedAt) {
    private static final Figures NONE = new Figures(0, 0, 0, 0);

    private Figures plus(Collected more) {
      return new Figures(
          runs + 1, records + more.records(), bytes + more.bytes(), System.currentTimeMillis());
    }
  }

  public Figures figures() {
    return figures;
  }

  /** Holding the lock. */
  private Collected apply(List<PruneOptions> all, Pace pace) {
    long begun = System.nanoTime();
    parts.snapshotter.awaitRemovals(); // whose space counts as free
    long[] bytes = {collectBlobs()};
    int[] records = {0};
    for (PruneOptions options : all) {
      int before = records[0];
      parts.cache.prune(
          options,
          beside(),
          pace,
          record -> {
            records[0]++;
            bytes[0] += record.size();
          });
      if (records[0] > before) {
        freeSpace();
      }
      if (!pace.goesOn()) {
        break;
      }
    }
    long millis = Duration.ofNanos(System.nanoTime() - begun).toMillis();
    if (bytes[0] > 0 || records[0] > 0) {
      log.info("garbage collected records={} bytes={} ms={}", records[0], bytes[0], millis);
    } else {
      log.debug("no garbage to collect ms={}", millis);
    }
    Collected done = new Collected(records[0], bytes[0]);
    figures = figures.plus(done);
    return done;
  }

  private long collectBlobs() {
    return parts.leases.collect(parts.needed, Duration.ZERO);
  }

  /** Frees what belonged to records that are gone, before it returns. */
  private void freeSpace() {
    collectBlobs();
    parts.snapshotter.awaitRemovals();
  }

  /**
   * Removes what somebody asks to, and tells of each record. Space is free when this returns.
   *
   * @throws InterruptedException if the caller is interrupted before it begins; later, it ends
   *     early
   */
  public void prune(PruneOptions options, Consumer<UsageRecord> reader)
      throws InterruptedException {
    removing.lockInterruptibly();
    try {
      parts.snapshotter.awaitRemovals();
      parts.cache.prune(
          options, beside(), new Considerate(HURRIED_RESTS, () -> false, () -> !closed), reader);
      freeSpace();
    } finally {
      removing.unlock();
    }
    ask(); // the collector may have made way
  }

  /** What {@link #prune} would remove and what it would keep, and why. */
  public List<PlannedRecord> plan(PruneOptions options) {
    return parts.cache.planPrune(options, beside());
  }

  /**
   * For a build that met a full disk: applies the rules, and should that not be enough removes what
   * was used longest ago, whatever it is.
   *
   * @return whether anything went, for whoever asked or for another meanwhile
   */
  public boolean makeRoom() {
    if (rules.isEmpty()) {
      return false; // nothing goes by itself
    }
    long askedAt = System.nanoTime();
    try {
      removing.lockInterruptibly();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
    try {
      if (roomEverMade && roomMadeAt - askedAt > 0) {
        return true;
      }
      log.warn("the disk is full, garbage is collected");
      List<PruneOptions> all = applied();
      all.add(
          new PruneOptions(
              true, record -> true, Duration.ZERO, 0, 0, room, "the collector, on a full disk"));
      boolean made = apply(all, Pace.STEADY).bytes() > 0;
      if (made) {
        roomEverMade = true;
        roomMadeAt = System.nanoTime();
      }
      return made;
    } catch (RuntimeException e) {
      log.error("cannot make room", e);
      Defects.met("make room", e);
      return false; // the build fails of what it met
    } finally {
      removing.unlock();
    }
  }

  /** Rests while builds run, so that they have most of the machine, unless there is a hurry. */
  private final class Considerate implements Pace {
    private final int rests;
    private final BooleanSupplier hurry;
    private final BooleanSupplier goingOn;
    private long since = System.nanoTime();

    Considerate(int rests, BooleanSupplier hurry, BooleanSupplier goingOn) {
      this.rests = rests;
      this.hurry = hurry;
      this.goingOn = goingOn;
    }

    @Override
    public boolean goesOn() {
      if (building.getAsBoolean() && goingOn.getAsBoolean() && !hurry.getAsBoolean()) {
        long worked = System.nanoTime() - since;
        try {
          TimeUnit.NANOSECONDS.sleep(Math.min(worked * rests, LONGEST_REST.toNanos()));
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
        }
      }
      since = System.nanoTime();
      return goingOn.getAsBoolean() && !Thread.currentThread().isInterrupted();
    }
  }

  /** Ends early what goes on, and waits for that. */
  @Override
  public void close() {
    Thread running;
    synchronized (this) {
      closed = true;
      running = thread;
      notifyAll();
    }
    if (running != null) {
      running.interrupt();
      Scope.awaitUninterruptibly(ended);
    }
  }
}
