package dev.buildd.examples.soak;

import dev.buildd.base.json.Json;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What the daemon has when nobody builds: the soak's proof that nothing leaks.
 *
 * @param seconds since the soak began
 * @param generation how often the daemon had been started
 * @param builds how many had ended
 * @param heap bytes after a collection of garbage
 * @param resident bytes
 * @param proportional bytes
 * @param work threads that are not idle in a pool
 * @param virtual virtual threads
 * @param descriptors without the store's tables
 * @param used bytes of the filesystem
 */
record Quiet(
    double seconds,
    int generation,
    int builds,
    long heap,
    long resident,
    long proportional,
    long work,
    long virtual,
    long descriptors,
    long used) {
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  /** Waits until nothing is left of any build; what is left for too long is a fault. */
  static Quiet await(Settings settings, DaemonProcess daemon, Volume volume, Tally tally)
      throws IOException, InterruptedException {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    List<String> left = left(settings, daemon);
    while (!left.isEmpty() && System.nanoTime() < deadline) {
      Thread.sleep(200);
      left = left(settings, daemon);
    }
    if (!left.isEmpty()) {
      Path dump = settings.work().resolve("left-" + tally.done() + ".txt");
      Files.writeString(dump, left + "\n" + daemon.threads());
      tally.fault("nobody builds, and there is left: " + left + "; threads are in " + dump);
    }
    long heap = daemon.heapAfterCollection();
    long[] threads = threads(daemon.threads());
    long pid = daemon.pid();
    return new Quiet(
        tally.seconds(),
        daemon.generation(),
        tally.done(),
        heap,
        Proc.resident(pid),
        Proc.proportional(pid),
        threads[0],
        threads[1],
        Proc.descriptors(pid),
        volume.used());
  }

  private static List<String> left(Settings settings, DaemonProcess daemon) throws IOException {
    List<String> out = new ArrayList<>();
    Map<String, Object> figures = daemon.figures();
    for (String name : List.of("leases", "sessions", "jobs", "vertices")) {
      note(out, name, Json.number(figures, name));
    }
    Map<String, Double> metrics = daemon.metrics();
    for (String name :
        List.of("buildd_builds_running", "buildd_steps_running", "buildd_steps_queued")) {
      note(out, name, metrics.getOrDefault(name, -1.0).longValue());
    }
    note(out, "mounts", Proc.mountsBelow(settings.root()));
    note(out, "processes below the daemon", Proc.below(daemon.pid()));
    note(out, "processes in containers", Proc.inside(settings.root()));
    note(out, "cgroups", Proc.cgroups(DaemonProcess.cgroupParent()));
    for (String name : List.of("scratch", "cache/mounts", "executor/runc")) {
      note(out, name, entries(settings.root().resolve(name)));
    }
    note(out, "bundles", bundles(settings.root().resolve("executor")));
    return out;
  }

  private static void note(List<String> to, String what, long count) {
    if (count != 0) {
      to.add(what + " " + count);
    }
  }

  private static void note(List<String> to, String what, List<String> found) {
    if (!found.isEmpty()) {
      to.add(what + " " + found);
    }
  }

  private static List<String> entries(Path directory) throws IOException {
    List<String> out = new ArrayList<>();
    if (Files.isDirectory(directory)) {
      try (DirectoryStream<Path> all = Files.newDirectoryStream(directory)) {
        all.forEach(entry -> out.add(String.valueOf(entry.getFileName())));
      }
    }
    return out;
  }

  private static List<String> bundles(Path executor) throws IOException {
    List<String> out = new ArrayList<>();
    for (String name : entries(executor)) {
      if (Files.exists(executor.resolve(name).resolve("config.json"))) {
        out.add(name);
      }
    }
    return out;
  }

  /** Platform threads that are not idle in a pool, and virtual ones. */
  private static long[] threads(String dump) {
    long platform = 0;
    long virtual = 0;
    for (String thread : dump.split("\n(?=#)", -1)) {
      if (!thread.startsWith("#")) {
        continue; // the head
      }
      String first = thread.lines().findFirst().orElse("");
      if (first.contains(" virtual")) {
        virtual++;
      } else if (!thread.contains("ThreadPoolExecutor.getTask(")
          && !thread.contains("ForkJoinPool.awaitWork(")) {
        platform++;
      }
    }
    return new long[] {platform, virtual};
  }
}
