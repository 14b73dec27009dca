package dev.buildd.examples.soak;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.client.BuildClient;
import dev.buildd.client.UsageInfo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.stream.Stream;

/**
 * A soak: clients build, the daemon is stopped, killed, robbed of its disk and its clock, and
 * looked at all the while. In the first half it is ended now and then; in the second it is not, so
 * that what it takes can be seen to stay. Now and then all wait, to see that nothing is left of
 * anything.
 */
public final class SoakRun {
  static final long MEGABYTE = 1_000_000;

  private static final Duration FULL = Duration.ofSeconds(6);
  private static final Duration COLLECTED = Duration.ofSeconds(90);
  private static final long DAY = 86_400;
  private static final List<Long> CLOCKS =
      List.of(3_600L, -3_600L, 300L, -300L, DAY, -DAY, 40 * DAY, 0L);
  private static final List<Double> LOOKS =
      List.of(0.03, 0.15, 0.3, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95);

  private final Settings settings;
  private final Tally tally = new Tally();
  private final Weather weather = new Weather();
  private final Volume volume;
  private final DaemonProcess daemon;
  private final Random random;
  private final ReentrantReadWriteLock building = new ReentrantReadWriteLock(true);
  private final List<Chart.Mark> marks = new ArrayList<>();
  private final List<Quiet> looks = new ArrayList<>();
  private final Map<Fault, Integer> done = new EnumMap<>(Fault.class);
  private final List<Double> restarts = new ArrayList<>();

  private SoakRun(Settings settings) throws IOException, InterruptedException {
    this.settings = settings;
    this.random = new Random(settings.seed());
    this.volume = new Volume(settings.disk());
    this.daemon = new DaemonProcess(settings);
  }

  /**
   * What a soak has found.
   *
   * @param began when it began
   * @param seconds how long clients built
   * @param peak the most bytes of the filesystem in use
   * @param afterAll bytes in use at the end, once all that may go has gone
   * @param pruned bytes in use once all had been pruned
   * @param restarts seconds until the daemon answered again, of each start after the first
   * @param lastGeneration how often it had been started when it was left alone
   */
  record Findings(
      Instant began,
      double seconds,
      List<Sample> samples,
      List<Quiet> looks,
      List<Chart.Mark> marks,
      Map<Fault, Integer> faults,
      long peak,
      long afterAll,
      long pruned,
      List<Double> restarts,
      int lastGeneration,
      Tally tally) {}

  /** Runs one and writes its report; tells whether all was as it should be. */
  public static boolean run(Settings settings) throws IOException, InterruptedException {
    SoakRun run = new SoakRun(settings);
    Findings findings;
    Thread end = new Thread(run.daemon::close); // no daemon outlives a soak that somebody ends
    Runtime.getRuntime().addShutdownHook(end);
    try (run.daemon) {
      findings = run.soak();
    }
    Runtime.getRuntime().removeShutdownHook(end);
    List<String> faults = new Report(settings, findings).write();
    for (String fault : faults) {
      System.out.println("FAILED: " + fault);
    }
    return faults.isEmpty();
  }

  private Findings soak() throws IOException, InterruptedException {
    Instant began = Instant.now();
    Sampler sampler = new Sampler(settings, daemon, volume, tally);
    Thread sampling = Threads.startPlatform("sampler", sampler);
    AtomicInteger next = new AtomicInteger();
    Client.Shared shared =
        new Client.Shared(settings, daemon, weather, tally, next, building.readLock());
    List<Thread> clients = new ArrayList<>();
    for (int i = 0; i < settings.clients(); i++) {
      clients.add(Threads.startPlatform("client " + i, new Client(shared, i)::run));
    }
    SortedMap<Integer, List<Runnable>> plan = plan();
    while (!plan.isEmpty()) {
      if (clients.stream().noneMatch(Thread::isAlive)) {
        break; // faults that would meet nobody
      }
      if (settings.progress(tally) >= plan.firstKey()) {
        plan.getOrDefault(plan.firstKey(), List.of()).forEach(Runnable::run);
        plan.remove(plan.firstKey());
      } else if (!daemon.isAlive()) {
        tally.fault("the daemon has ended by itself; its log is " + daemon.log());
        goesAndComes(Fault.KILL);
      } else {
        Thread.sleep(20);
      }
    }
    for (Thread client : clients) {
      client.join();
    }
    double seconds = tally.seconds();
    daemon.moveClock(0);
    look();
    long afterAll = awaitCollected();
    sampling.interrupt();
    sampling.join();
    long pruned = prune();
    int generation = daemon.generation();
    end();
    return new Findings(
        began,
        seconds,
        sampler.samples(),
        List.copyOf(looks),
        List.copyOf(marks),
        Map.copyOf(done),
        sampler.peak(),
        afterAll,
        pruned,
        List.copyOf(restarts),
        generation,
        tally);
  }

  /** What is done once so many builds have ended. */
  private SortedMap<Integer, List<Runnable>> plan() {
    SortedMap<Integer, List<Runnable>> out = new TreeMap<>();
    int half = settings.builds() / 2;
    int count = Math.max(5, settings.builds() / 200); // in each half
    List<Fault> kinds = new ArrayList<>(List.of(Fault.values()));
    if (settings.clock().isEmpty()) {
      kinds.remove(Fault.CLOCK);
    }
    spread(out, half / 20, half, shuffled(kinds, count));
    kinds.removeAll(List.of(Fault.KILL, Fault.TERMINATE));
    spread(out, half, settings.builds() * 39 / 40, shuffled(kinds, count));
    for (double at : LOOKS) {
      out.computeIfAbsent((int) (at * settings.builds()), _ -> new ArrayList<>())
          .add(() -> uninterrupted(this::look));
    }
    return out;
  }

  private List<Fault> shuffled(List<Fault> kinds, int count) {
    List<Fault> out = new ArrayList<>();
    while (out.size() < count) {
      List<Fault> round = new ArrayList<>(kinds);
      Collections.shuffle(round, random);
      out.addAll(round);
    }
    return out.subList(0, count);
  }

  private void spread(
      SortedMap<Integer, List<Runnable>> plan, int from, int to, List<Fault> faults) {
    for (int i = 0; i < faults.size(); i++) {
      Fault fault = faults.get(i);
      long clock = CLOCKS.get(random.nextInt(CLOCKS.size()));
      int at = from + (int) ((long) (to - from) * i / faults.size());
      plan.computeIfAbsent(at, _ -> new ArrayList<>())
          .add(() -> uninterrupted(() -> happen(fault, clock)));
    }
  }

  /** Something that waits and touches files. */
  @FunctionalInterface
  private interface Act {
    void run() throws IOException, InterruptedException;
  }

  private void uninterrupted(Act act) {
    try {
      act.run();
    } catch (IOException | RuntimeException e) {
      tally.fault("the soak itself: " + e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void happen(Fault fault, long clock) throws IOException, InterruptedException {
    marks.add(new Chart.Mark(tally.seconds(), fault.text(), fault.colour()));
    done.merge(fault, 1, Integer::sum);
    switch (fault) {
      case TERMINATE, KILL -> goesAndComes(fault);
      case FULL_DISK -> {
        tally.say("the disk is full for " + FULL.toSeconds() + " s");
        weather.diskIsFull();
        try {
          long until = System.nanoTime() + FULL.toNanos();
          while (System.nanoTime() < until) {
            volume.fill();
            Thread.sleep(200);
          }
        } finally {
          volume.empty();
          weather.diskHasRoom();
        }
      }
      case CLOCK -> {
        tally.say("the clock goes to " + clock + " s from the right time");
        daemon.moveClock(clock);
      }
    }
  }

  private void goesAndComes(Fault fault) throws IOException, InterruptedException {
    weather.daemonGoes();
    if (fault == Fault.KILL) {
      daemon.kill();
    } else {
      int code = daemon.stop();
      if (code != 0) {
        tally.fault("after SIGTERM the daemon ends with " + code);
      }
    }
    Duration took = daemon.restart();
    weather.daemonIsBack();
    restarts.add(took.toMillis() / 1e3);
    tally.say(fault.text() + "; it answers again after " + took.toMillis() + " ms");
  }

  private void look() throws IOException, InterruptedException {
    building.writeLock().lock();
    try {
      Quiet quiet = Quiet.await(settings, daemon, volume, tally);
      looks.add(quiet);
      tally.say(
          ("%d builds, %d faults found; heap %d MB, Pss %d MB, threads %d + %d virtual, descriptors"
                  + " %d, disk %d MB")
              .formatted(
                  quiet.builds(),
                  tally.faults().size(),
                  quiet.heap() / MEGABYTE,
                  quiet.proportional() / MEGABYTE,
                  quiet.work(),
                  quiet.virtual(),
                  quiet.descriptors(),
                  quiet.used() / MEGABYTE));
    } finally {
      building.writeLock().unlock();
    }
  }

  /** Waits until the daemon has had time to go through its rules. */
  private long awaitCollected() throws IOException, InterruptedException {
    long deadline = System.nanoTime() + COLLECTED.toNanos();
    while (volume.used() > settings.cap() && System.nanoTime() < deadline) {
      Thread.sleep(200);
    }
    return volume.used();
  }

  private long prune() throws IOException, InterruptedException {
    try (BuildClient client = daemon.connect()) {
      client.prune(
          new BuildClient.PruneOptions(List.of(), true, Duration.ZERO, 0, 0, 0), record -> {});
      List<UsageInfo> kept = client.diskUsage(List.of());
      if (!kept.isEmpty()) {
        tally.fault("records that cannot be pruned: " + kept.stream().map(UsageInfo::id).toList());
      }
    }
    Path snapshots = settings.root().resolve("snapshots");
    try (Stream<Path> below = Files.walk(snapshots)) {
      List<Path> files = below.filter(Files::isRegularFile).limit(20).toList();
      if (!files.isEmpty()) {
        tally.fault("files of no record: " + files);
      }
    }
    return volume.used();
  }

  private void end() throws IOException, InterruptedException {
    int code = daemon.stop();
    if (code != 0) {
      tally.fault("at its end the daemon exits with " + code);
    }
    List<String> left = new ArrayList<>(Proc.mountsBelow(settings.root()));
    left.addAll(Proc.inside(settings.root()));
    if (!left.isEmpty()) {
      tally.fault("the daemon has ended and there is left: " + left);
    }
  }
}
