package dev.buildd.examples.soak;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.ToDoubleFunction;

/** Judges what a soak has found, and tells it as Markdown with graphs. */
final class Report {
  private static final double MB = SoakRun.MEGABYTE;
  private static final int MORE_DESCRIPTORS = 24;
  private static final int MORE_THREADS = 4;
  private static final double MORE_HEAP = 1.2;
  private static final double MORE_MEMORY = 1.25;
  private static final double HEAP_SLACK_MB = 8;
  private static final double MEMORY_SLACK_MB = 40;
  private static final double EMPTY_MB = 64;
  private static final int WINDOW = 20; // seconds, of a rate

  private final Settings settings;
  private final SoakRun.Findings found;
  private final List<String> faults;
  private final List<String> checks = new ArrayList<>();

  Report(Settings settings, SoakRun.Findings found) {
    this.settings = settings;
    this.found = found;
    this.faults = new ArrayList<>(found.tally().faults());
  }

  /** Writes it; what was not as it should be is returned. */
  List<String> write() throws IOException {
    judge();
    Path graphs = Files.createDirectories(settings.report().resolve("soak"));
    for (Map.Entry<String, Chart> chart : charts().entrySet()) {
      Files.writeString(graphs.resolve(chart.getKey() + ".svg"), chart.getValue().svg());
    }
    Files.writeString(settings.report().resolve("soak.md"), text(), StandardCharsets.UTF_8);
    return List.copyOf(faults);
  }

  private void check(boolean right, String what) {
    checks.add((right ? "" : "**FAILED** ") + what);
    if (!right) {
      faults.add(what);
    }
  }

  /** Looks at one daemon, of which the first was after it had got warm. */
  private List<Quiet> lastLooks() {
    return found.looks().stream()
        .filter(look -> look.generation() == found.lastGeneration())
        .toList();
  }

  private void judge() {
    double most = Jobs.mostWritten(settings.cap()) / MB;
    double allowed = settings.cap() / MB + settings.clients() * most;
    check(
        found.peak() / MB <= allowed,
        String.format(
            Locale.ROOT,
            "most of the disk in use, looked at ten times a second: %.0f MB (cap %.0f MB; the bound"
                + " is the cap and the %.0f MB that a running build of each client writes at most:"
                + " %.0f MB)",
            found.peak() / MB,
            settings.cap() / MB,
            most,
            allowed));
    check(
        found.afterAll() <= settings.cap(),
        String.format(
            Locale.ROOT,
            "in use once all had ended and the collector had had its turn: %.0f MB",
            found.afterAll() / MB));
    check(
        found.pruned() / MB <= EMPTY_MB,
        String.format(
            Locale.ROOT,
            "in use after a prune of everything: %.1f MB (bound %.0f MB: records of builds, the"
                + " store)",
            found.pruned() / MB,
            EMPTY_MB));
    List<Quiet> last = lastLooks();
    if (last.size() > 1) {
      Quiet first = last.getFirst();
      Quiet end = last.getLast();
      check(
          end.heap() <= first.heap() * MORE_HEAP + HEAP_SLACK_MB * MB,
          String.format(
              Locale.ROOT,
              "heap after a collection, of the daemon that ran longest, after %d and %d builds:"
                  + " %.1f and %.1f MB (bound: a fifth and %.0f MB more)",
              first.builds(),
              end.builds(),
              first.heap() / MB,
              end.heap() / MB,
              HEAP_SLACK_MB));
      check(
          end.proportional() <= first.proportional() * MORE_MEMORY + MEMORY_SLACK_MB * MB,
          String.format(
              Locale.ROOT,
              "its memory (Pss): %.0f and %.0f MB (bound: a quarter and %.0f MB more)",
              first.proportional() / MB,
              end.proportional() / MB,
              MEMORY_SLACK_MB));
    }
    flat("descriptors, without those of the store's tables", MORE_DESCRIPTORS, Quiet::descriptors);
    flat("platform threads that are not idle in a pool", MORE_THREADS, Quiet::work);
    flat("virtual threads", settings.clients(), Quiet::virtual);
  }

  private void flat(String what, int more, ToDoubleFunction<Quiet> figure) {
    List<String> told = new ArrayList<>();
    boolean right = true;
    for (int generation : new TreeSet<>(found.looks().stream().map(Quiet::generation).toList())) {
      List<Quiet> looks =
          found.looks().stream().filter(look -> look.generation() == generation).toList();
      double first = figure.applyAsDouble(looks.getFirst());
      double end = figure.applyAsDouble(looks.getLast());
      right &= end <= first + more;
      if (looks.size() > 1) {
        told.add(String.format(Locale.ROOT, "%.0f and %.0f", first, end));
      }
    }
    check(
        right,
        String.format(
            Locale.ROOT,
            "%s, at the first and the last look at each daemon that was looked at twice: %s (bound:"
                + " %d more)",
            what,
            String.join("; ", told),
            more));
  }

  private List<Chart.Point> points(ToDoubleFunction<Sample> figure) {
    return found.samples().stream()
        .map(s -> new Chart.Point(s.seconds(), figure.applyAsDouble(s), s.generation()))
        .toList();
  }

  private List<Chart.Point> looks(ToDoubleFunction<Quiet> figure) {
    return found.looks().stream()
        .map(q -> new Chart.Point(q.seconds(), figure.applyAsDouble(q), q.generation()))
        .toList();
  }

  private List<Chart.Point> rates() {
    List<Chart.Point> out = new ArrayList<>();
    List<Sample> samples = found.samples();
    int from = 0;
    for (Sample sample : samples) {
      while (sample.seconds() - samples.get(from).seconds() > WINDOW) {
        from++;
      }
      double over = sample.seconds() - samples.get(from).seconds();
      if (over > WINDOW / 2.0) {
        double rate = (sample.builds() - samples.get(from).builds()) / over;
        out.add(new Chart.Point(sample.seconds(), rate, 0));
      }
    }
    return out;
  }

  private Map<String, Chart> charts() {
    double end = found.seconds();
    return Map.of(
        "disk",
        new Chart("Disk in use by the filesystem's own count, MB")
            .line("in use", "#006030", points(s -> s.used() / MB))
            .limit("cap", settings.cap() / MB, end)
            .marks(found.marks()),
        "memory",
        new Chart("Memory of the daemon, MB")
            .line("resident", "#888888", points(s -> s.resident() / MB))
            .line("Pss", "#004080", points(s -> s.proportional() / MB))
            .dots("heap after a collection, nobody building", "#d04000", looks(q -> q.heap() / MB))
            .marks(found.marks()),
        "threads",
        new Chart("Threads and processes of the daemon")
            .line("threads, the JVM's own included", "#004080", points(Sample::threads))
            .line("processes of steps", "#a05000", points(Sample::processes))
            .dots("not idle, nobody building", "#d04000", looks(Quiet::work))
            .marks(found.marks()),
        "descriptors",
        new Chart("Descriptors, mounts and holds of the daemon")
            .line("descriptors", "#004080", points(Sample::descriptors))
            .line("mounts", "#006030", points(Sample::mounts))
            .line("holds", "#a05000", points(Sample::holds))
            .dots("descriptors, nobody building", "#d04000", looks(Quiet::descriptors))
            .marks(found.marks()),
        "builds",
        new Chart("Builds per second, over " + WINDOW + " s")
            .line("builds per second", "#004080", rates())
            .marks(found.marks()));
  }

  private String text() {
    StringBuilder out = new StringBuilder();
    int builds = found.tally().done();
    out.append("# Soak\n\nWritten by `make soak` (`hack/soak.sh`), ")
        .append(found.began().truncatedTo(ChronoUnit.MINUTES))
        .append(String.format(Locale.ROOT, ", seed %d. ", settings.seed()))
        .append(faults.isEmpty() ? "All was as it should be.\n\n" : "**It found faults.**\n\n")
        .append(
            String.format(
                Locale.ROOT,
                "%d builds by %d clients in %.1f min (%.1f a second), %d times the daemon went in"
                    + " the middle of one and it was built again. %d results were compared, byte by"
                    + " byte, with what they should be. Faults from outside: %s.\n\n",
                builds,
                settings.clients(),
                found.seconds() / 60,
                builds / found.seconds(),
                found.tally().timesAskedAgain(),
                found.tally().checkedResults(),
                faultsTold()));
    if (builds < settings.builds()) {
      out.append(
          String.format(
              Locale.ROOT,
              "It ended after the %d minutes that it was given, before all of %d builds.\n\n",
              settings.minutes(),
              settings.builds()));
    }
    if (!found.restarts().isEmpty()) {
      out.append(
          String.format(
              Locale.ROOT,
              "After these the daemon answered again within %.2f s at most, the median is %.2f"
                  + " s.\n\n",
              found.restarts().stream().mapToDouble(d -> d).max().orElse(0),
              found.restarts().stream().sorted().toList().get(found.restarts().size() / 2)));
    }
    out.append("## Checked\n\n");
    String unless = faults.isEmpty() ? "" : ", but for what is told below";
    checks.forEach(check -> out.append("- ").append(check).append('\n'));
    out.append(
        "- at each of the "
            + found.looks().size()
            + " looks, with nobody building: no leases, sessions, jobs, active vertices, running or"
            + " queued steps; no mounts below the root, processes below the daemon or in"
            + " containers, cgroups, bundles, scratch mounts"
            + unless
            + "\n"
            + "- every build that nobody disturbed succeeded, unless the disk was full meanwhile;"
            + " failing steps failed with their own exit codes"
            + unless
            + "\n\n");
    if (!faults.isEmpty()) {
      out.append("## Faults found\n\n");
      faults.stream()
          .limit(100)
          .forEach(fault -> out.append("- ").append(told(fault)).append('\n'));
      out.append('\n');
    }
    outcomes(out);
    looksTold(out);
    out.append("## Over time\n\n");
    for (String name : List.of("disk", "memory", "threads", "descriptors", "builds")) {
      out.append("![").append(name).append("](soak/").append(name).append(".svg)\n\n");
    }
    limits(out);
    return out.toString();
  }

  /** On one line, without where this run had its files. */
  private String told(String fault) {
    return fault.replace('\n', ' ').replace(settings.work() + "/", "");
  }

  private String faultsTold() {
    List<String> out = new ArrayList<>();
    for (Fault fault : Fault.values()) {
      out.add(fault.text() + " " + found.faults().getOrDefault(fault, 0));
    }
    return String.join(", ", out);
  }

  private void outcomes(StringBuilder out) {
    Map<String, Map<String, Integer>> all = found.tally().outcomes();
    TreeSet<String> names = new TreeSet<>();
    all.values().forEach(counts -> names.addAll(counts.keySet()));
    out.append("## Builds\n\n| |");
    names.forEach(name -> out.append(' ').append(name).append(" |"));
    out.append("\n|---|").append("---|".repeat(names.size())).append('\n');
    all.forEach((kind, counts) -> {
      out.append("| ").append(kind).append(" |");
      names.forEach(name -> out.append(' ').append(counts.getOrDefault(name, 0)).append(" |"));
      out.append('\n');
    });
    out.append('\n');
  }

  private void looksTold(StringBuilder out) {
    out.append(
        """
        ## With nobody building

        | builds | daemon | heap, MB | Pss, MB | threads not idle | virtual | descriptors | disk, MB |
        |---|---|---|---|---|---|---|---|
        """);
    for (Quiet look : found.looks()) {
      out.append(
          String.format(
              Locale.ROOT,
              "| %d | %d. | %.1f | %.0f | %d | %d | %d | %.0f |\n",
              look.builds(),
              look.generation(),
              look.heap() / MB,
              look.proportional() / MB,
              look.work(),
              look.virtual(),
              look.descriptors(),
              look.used() / MB));
    }
    out.append('\n');
  }

  private void limits(StringBuilder out) {
    out.append("## What this does not show\n\n");
    if (settings.clock().isEmpty()) {
      out.append("- The clock was not moved: libfaketime is not installed.\n");
    } else {
      out.append(
          "- The clock that was moved is the daemon's and its programs' only (libfaketime): times"
              + " that the kernel gives to files stay right, and the monotonic clock is not"
              + " touched, as it is not when a real clock is set.\n");
    }
    out.append(
        """
        - Images of registries, git and HTTP sources, pushes, caches in registries and the containerd worker are not among the builds.
        - `kill -9` ends the daemon's process; the kernel and its page cache go on, so that it is no power cut.
        - A build that fails on the full disk is taken for right if its error says so, or if it is a step's program that failed meanwhile.
        - The clients are one JVM of this project's library, and `buildctl` for one build in fourteen.
        - Which build meets which fault depends on the machine's time: the seed decides what is built, its fate, and after how many builds faults come.
        """);
  }
}
