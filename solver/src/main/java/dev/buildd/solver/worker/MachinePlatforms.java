package dev.buildd.solver.worker;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Platform;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The platforms whose programs this machine runs: its own, those that its processor runs too, and
 * those for which the kernel has an emulator. Emulators come and go while the daemon runs.
 *
 * <p>Safe for use by many threads.
 */
public final class MachinePlatforms {
  /** How long what was found out is good, as in BuildKit. */
  public static final Duration DEFAULT_MAX_AGE = Duration.ofSeconds(20);

  private static final Logger log = LoggerFactory.getLogger(MachinePlatforms.class);
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  /** Finds out what this machine runs. */
  @FunctionalInterface
  interface Probe {
    /** All platforms, the machine's own first; all normalized. */
    List<Platform> run() throws InterruptedException;
  }

  private final Probe probe;
  private final List<Platform> configured;
  private final Duration maxAge;
  private final LongSupplier nanoTime;
  private final CountDownLatch tried = new CountDownLatch(1);

  @GuardedBy("this")
  private List<Platform> known;

  @GuardedBy("this")
  private long knownSince;

  /**
   * Begins to find out; who asks meanwhile waits for it.
   *
   * @param configured platforms that count whatever is found out, first of all
   * @param maxAge how long what was found out is good; negative for ever
   */
  MachinePlatforms(Probe probe, List<Platform> configured, Duration maxAge, LongSupplier nanoTime) {
    this.probe = probe;
    this.configured = List.copyOf(configured);
    this.maxAge = maxAge;
    this.nanoTime = nanoTime;
    this.knownSince = nanoTime.getAsLong();
    this.known = List.of(Platform.host().normalized());
    Threads.start("platforms", this::findFirst);
  }

  private void findFirst() {
    try {
      List<Platform> found = probe.run();
      synchronized (this) {
        known = found;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // nobody does
    } catch (RuntimeException e) {
      log.error("cannot find out which platforms this machine runs besides its own", e);
    } finally {
      tried.countDown();
    }
  }

  /**
   * As the constructor.
   *
   * @param directory for programs to try, which stay there
   * @param configured platforms that count whatever is found out, first of all
   * @param maxAge how long what was found out is good; negative for ever
   */
  public static MachinePlatforms open(Path directory, List<Platform> configured, Duration maxAge)
      throws IOException {
    Files.createDirectories(directory);
    for (ProbeProgram program : ProbeProgram.values()) {
      Path file = directory.resolve(program.architecture());
      Files.write(file, program.file());
      Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }
    return new MachinePlatforms(() -> found(directory), configured, maxAge, System::nanoTime);
  }

  /** What was found out last. */
  public List<Platform> known() {
    Scope.awaitUninterruptibly(tried);
    List<Platform> last;
    synchronized (this) {
      last = known;
    }
    if (configured.isEmpty()) {
      return last;
    }
    List<Platform> out = new ArrayList<>(configured);
    last.stream()
        .filter(platform -> configured.stream().noneMatch(one -> one.runs(platform)))
        .forEach(out::add);
    return List.copyOf(out);
  }

  /** Finds out again, unless that was done lately. */
  public void refresh() throws InterruptedException {
    tried.await();
    synchronized (this) {
      boolean fresh = nanoTime.getAsLong() - knownSince < maxAge.toNanos();
      if (maxAge.isNegative() || fresh) {
        return;
      }
      knownSince = nanoTime.getAsLong(); // others need not try at the same time
    }
    List<Platform> found = probe.run();
    synchronized (this) {
      known = found;
    }
  }

  // --- finding out ---

  private static List<Platform> found(Path programs) throws InterruptedException {
    Platform host = Platform.host().normalized();
    Set<String> running = running(programs);
    List<Platform> out = new ArrayList<>();
    out.add(host);
    if (host.architecture().equals("amd64")) {
      variants(processorFlags()).forEach(variant -> out.add(linux("amd64", variant)));
    }
    for (ProbeProgram program : ProbeProgram.values()) {
      String architecture = program.architecture();
      if (architecture.equals(host.architecture()) || !running.contains(architecture)) {
        continue;
      }
      if (architecture.equals("arm")) {
        out.add(linux(architecture, "v7"));
        out.add(linux(architecture, "v6"));
      } else {
        out.add(linux(architecture, ""));
      }
    }
    return List.copyOf(out);
  }

  private static Platform linux(String architecture, String variant) {
    return new Platform("linux", architecture, variant, "", List.of());
  }

  /** Names of the programs that end well where nothing but themselves is to be seen. */
  private static Set<String> running(Path programs) throws InterruptedException {
    String script =
        "PATH=$PATH:/usr/sbin:/sbin; for p in *; do chroot . \"/$p\" >/dev/null 2>&1 && echo \"$p\"; done; exit 0";
    try {
      Process process =
          new ProcessBuilder("/bin/sh", "-c", script)
              .directory(programs.toFile())
              .redirectInput(Path.of("/dev/null").toFile())
              .redirectErrorStream(true)
              .start();
      try {
        if (process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
          byte[] names = process.getInputStream().readAllBytes();
          return new String(names, StandardCharsets.UTF_8).lines().collect(Collectors.toSet());
        }
        log.warn("programs of other platforms do not end directory={}", programs);
        return Set.of();
      } finally {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
      }
    } catch (IOException e) {
      log.warn("could not try programs of other platforms", e);
      return Set.of();
    }
  }

  private static Set<String> processorFlags() {
    try {
      return flags(Files.readString(Path.of("/proc/cpuinfo")));
    } catch (IOException e) {
      log.warn("could not look at the processor", e);
      return Set.of();
    }
  }

  /** What the first processor can do, by the kernel's names. */
  static Set<String> flags(String cpuinfo) {
    return cpuinfo
        .lines()
        .filter(line -> line.startsWith("flags"))
        .findFirst()
        .map(line -> Set.copyOf(List.of(line.substring(line.indexOf(':') + 1).split(" +"))))
        .orElse(Set.of());
  }

  /**
   * The levels of amd64 beyond the first that such a processor has (x86-64 psABI, section 3.1.1).
   */
  static List<String> variants(Set<String> flags) {
    List<String> out = new ArrayList<>();
    for (Level level : Level.values()) {
      if (!flags.containsAll(level.flags)) {
        break;
      }
      out.add(level.name().toLowerCase(Locale.ROOT));
    }
    return out;
  }

  /** What a level has that the one before has not. */
  private enum Level {
    V2("cx16", "lahf_lm", "pni", "popcnt", "sse4_1", "sse4_2", "ssse3"),
    V3("abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe", "xsave"),
    V4("avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl");

    private final Set<String> flags;

    Level(String... flags) {
      this.flags = Set.of(flags);
    }
  }
}
