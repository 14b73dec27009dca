package dev.buildd.examples.soak;

import dev.buildd.base.json.Json;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.Signals;
import dev.buildd.client.BuildClient;
import dev.buildd.client.ConnectOptions;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The daemon that is tried: a program of its own, which is started, asked, stopped and killed. One
 * thread starts and ends it; all others may be called by many threads.
 */
final class DaemonProcess implements AutoCloseable {
  private static final Duration START = Duration.ofSeconds(60);
  private static final Duration STOP = Duration.ofSeconds(30);

  private final Settings settings;
  private final Path socket;
  private final Path debug;
  private final Path clock;
  private volatile Process process;
  private final AtomicInteger generation = new AtomicInteger();
  private volatile boolean up;

  DaemonProcess(Settings settings) throws IOException, InterruptedException {
    this.settings = settings;
    this.socket = settings.work().resolve("buildd.sock");
    this.debug = settings.work().resolve("debug.sock");
    this.clock = settings.work().resolve("clock");
    moveClock(0);
    writeConfig();
    this.process = start();
  }

  /** Rules as a user has them who only says how much may be held. */
  private void writeConfig() throws IOException {
    Files.writeString(
        config(),
        """
        root = "%s"

        [grpc]
          address = [ "%s" ]
          debugAddress = "unix://%s"

        [worker.oci]
          defaultCgroupParent = "%s"
          reservedSpace = %d
          maxUsedSpace = %d
          minFreeSpace = %d
        """
            .formatted(
                settings.root(),
                address(),
                debug,
                cgroupParent(),
                settings.cap() / 10,
                settings.cap(),
                settings.cap() / 10));
  }

  /** Below which, in every hierarchy, its steps' cgroups are and no others. */
  static String cgroupParent() {
    return "/soak-" + ProcessHandle.current().pid();
  }

  private Path config() {
    return settings.work().resolve("buildkitd.toml");
  }

  Path log() {
    return settings.work().resolve("buildd.log");
  }

  String address() {
    return "unix://" + socket;
  }

  private Process start() throws IOException, InterruptedException {
    ProcessBuilder builder =
        new ProcessBuilder(settings.buildd(), "--config", config().toString())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(log().toFile()));
    settings
        .clock()
        .ifPresent(library -> {
          Map<String, String> environment = builder.environment();
          environment.put("LD_PRELOAD", library.toString());
          environment.put("FAKETIME_TIMESTAMP_FILE", clock.toString());
          environment.put("FAKETIME_CACHE_DURATION", "1");
          environment.put("FAKETIME_DONT_FAKE_MONOTONIC", "1");
          environment.put(
              "FAKETIME_FORCE_MONOTONIC_FIX", "0"); // which would stop the JVM's timed waits
          environment.put("NO_FAKE_STAT", "1");
        });
    Process started = builder.start();
    long deadline = System.nanoTime() + START.toNanos();
    while (!answers()) {
      if (!started.isAlive() || System.nanoTime() > deadline) {
        started.destroyForcibly();
        throw new IOException("the daemon does not start; see " + log());
      }
      Thread.sleep(20);
    }
    process = started;
    generation.incrementAndGet();
    up = true;
    return started;
  }

  private boolean answers() throws InterruptedException {
    try (BuildClient client = connect(Duration.ofSeconds(1))) {
      client.info();
      return true;
    } catch (IOException | RuntimeException e) {
      return false;
    }
  }

  private BuildClient connect(Duration patience) throws IOException, InterruptedException {
    return BuildClient.connect(new ConnectOptions(address(), Optional.empty(), patience));
  }

  /** A connection, once the daemon is there. */
  BuildClient connect() throws IOException, InterruptedException {
    long deadline = System.nanoTime() + START.toNanos();
    while (true) {
      try {
        return connect(Duration.ofSeconds(5));
      } catch (IOException | RuntimeException e) {
        if (System.nanoTime() > deadline) {
          throw e;
        }
        Thread.sleep(50);
      }
    }
  }

  long pid() {
    return process.pid();
  }

  /** How often it has been started. */
  int generation() {
    return generation.get();
  }

  /** Whether it runs and nobody has begun to end it. */
  boolean isUp() {
    return up;
  }

  boolean isAlive() {
    return process.isAlive();
  }

  /** Asks it to end as a service manager does, and tells its exit code. */
  int stop() throws IOException, InterruptedException {
    up = false;
    Linux.kill((int) process.pid(), Signals.number("TERM").orElseThrow());
    if (!process.waitFor(STOP.toSeconds(), TimeUnit.SECONDS)) {
      process.destroyForcibly().waitFor();
      return -1;
    }
    return process.exitValue();
  }

  void kill() throws InterruptedException {
    up = false;
    process.destroyForcibly().waitFor();
  }

  /** Starts it again; tells how long it took until it answered. */
  Duration restart() throws IOException, InterruptedException {
    long begun = System.nanoTime();
    start();
    return Duration.ofNanos(System.nanoTime() - begun);
  }

  /** Lets its clock differ from the machine's by so much from now on. */
  void moveClock(long seconds) throws IOException {
    Path next = settings.work().resolve("clock.new");
    Files.writeString(next, (seconds < 0 ? "" : "+") + seconds + "\n");
    Files.move(next, clock, StandardCopyOption.ATOMIC_MOVE);
  }

  private String debug(String method, String path) throws IOException {
    try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(debug))) {
      String request = method + " " + path + " HTTP/1.1\r\nHost: buildd\r\n\r\n";
      channel.write(ByteBuffer.wrap(request.getBytes(StandardCharsets.US_ASCII)));
      String answer =
          new String(Channels.newInputStream(channel).readAllBytes(), StandardCharsets.UTF_8);
      int end = answer.indexOf("\r\n\r\n");
      if (end < 0 || !answer.startsWith("HTTP/1.1 200 ")) {
        throw new IOException(path + ": " + answer.lines().findFirst().orElse("no answer"));
      }
      return answer.substring(end + 4);
    }
  }

  /** What it tells of itself under {@code /debug/vars}. */
  Map<String, Object> figures() throws IOException {
    return Json.parseObject(
        debug("GET", "/debug/vars").getBytes(StandardCharsets.UTF_8), "figures of the daemon");
  }

  /** The samples of {@code /metrics}, by name and labels as they stand there. */
  Map<String, Double> metrics() throws IOException {
    Map<String, Double> out = new HashMap<>();
    for (String line : debug("GET", "/metrics").lines().toList()) {
      int space = line.lastIndexOf(' ');
      if (!line.startsWith("#") && space > 0) {
        out.put(line.substring(0, space), Double.valueOf(line.substring(space + 1)));
      }
    }
    return out;
  }

  /** The stacks of all its threads. */
  String threads() throws IOException {
    return debug("GET", "/debug/threads");
  }

  /** Collects its garbage and tells how many bytes of the heap are in use then. */
  long heapAfterCollection() throws IOException {
    byte[] figures = debug("POST", "/debug/heap/collect").getBytes(StandardCharsets.UTF_8);
    return Json.number(Json.parseObject(figures, "figures of the daemon"), "heapUsed");
  }

  @Override
  public void close() {
    if (process.isAlive()) {
      process.destroy();
      try {
        if (!process.waitFor(STOP.toSeconds(), TimeUnit.SECONDS)) {
          process.destroyForcibly();
        }
      } catch (InterruptedException e) {
        process.destroyForcibly();
        Thread.currentThread().interrupt();
      }
    }
  }
}
