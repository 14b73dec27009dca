package dev.buildd.examples.soak;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.FileTree;
import dev.buildd.client.BuildClient;
import dev.buildd.client.SolveOptions;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.session.filesync.FileSendTarget;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;

/**
 * One client: it builds, lets some builds be, and looks at what it gets. Its thread is its own; a
 * build has another, so that it can be cancelled.
 */
final class Client {
  private static final Duration PATIENCE = Duration.ofMinutes(3);
  private static final Duration PAUSE = Duration.ofSeconds(2);
  private static final int AGAIN = 10;
  private static final String FULL = "failed on the full disk";

  /** What the client itself does to a build. */
  private enum Fate {
    LET_BE,
    CANCELLED,
    CUT_OFF,
    PROGRAM,
    PROGRAM_KILLED;

    static Fate of(Random random) {
      int at = random.nextInt(100);
      return at < 76
          ? LET_BE
          : at < 88 ? CANCELLED : at < 93 ? CUT_OFF : at < 96 ? PROGRAM : PROGRAM_KILLED;
    }

    boolean isDisturbed() {
      return this == CANCELLED || this == CUT_OFF || this == PROGRAM_KILLED;
    }
  }

  /** What all clients share. */
  record Shared(
      Settings settings,
      DaemonProcess daemon,
      Weather weather,
      Tally tally,
      AtomicInteger next,
      Lock building) {}

  private final Shared shared;
  private final Path directory;
  private final Jobs jobs;
  private @Nullable BuildClient connection;

  Client(Shared shared, int number) throws IOException {
    this.shared = shared;
    this.directory = shared.settings.work().resolve("client" + number);
    this.jobs = new Jobs(directory, shared.settings.cap());
  }

  /** Builds until all numbers are taken. */
  void run() {
    try {
      int number = shared.next.getAndIncrement();
      while (number < shared.settings.builds()
          && shared.settings.progress(shared.tally) < shared.settings.builds()) {
        shared.building.lockInterruptibly();
        try {
          build(number);
        } finally {
          shared.building.unlock();
        }
        number = shared.next.getAndIncrement();
      }
    } catch (InterruptedException e) {
      // the soak is given up
    } catch (IOException | RuntimeException e) {
      shared.tally.fault("a client has failed: " + e);
    } finally {
      disconnect();
    }
  }

  private void build(int number) throws IOException, InterruptedException {
    Random random = new Random(shared.settings.seed() * 1_000_003 + number);
    Fate fate = Fate.of(random);
    long after = random.nextInt(fate == Fate.PROGRAM_KILLED ? 2500 : 900);
    Job job = jobs.job(number, random);
    job.prepare().run();
    for (int attempt = 1; ; attempt++) {
      Weather.Moment begun = shared.weather.now();
      Path out = directory.resolve("out");
      Optional<Throwable> failure = attempt(job, fate, after, out);
      if (failure.isPresent() && shared.weather.wasDown(begun) && attempt < AGAIN) {
        shared.tally.askedAgain();
        fate = Fate.LET_BE;
        disconnect();
        continue;
      }
      String outcome = outcome(number, job, fate, failure, begun, out);
      shared.tally.ended(job.kind(), outcome);
      delete(out);
      if (outcome.equals(FULL)) {
        Thread.sleep(PAUSE); // as somebody would who reads the error
      }
      return;
    }
  }

  private static void delete(Path path) throws IOException {
    if (Files.exists(path)) {
      FileTree.delete(path);
    }
  }

  private String outcome(
      int number, Job job, Fate fate, Optional<Throwable> failure, Weather.Moment begun, Path out)
      throws IOException {
    String what = "build " + number + " (" + job.kind() + ", " + fate + ")";
    if (failure.isEmpty()) {
      if (job.failure().isPresent()) {
        shared.tally.fault(what + " succeeded, though its step fails");
        return "wrong";
      }
      Optional<String> wrong = job.wrong(out);
      wrong.ifPresent(text -> shared.tally.fault(what + " has a wrong result: " + text));
      if (job.export() != Job.Export.NONE) {
        shared.tally.checked();
      }
      return wrong.isPresent() ? "wrong" : "succeeded";
    }
    Throwable thrown = failure.get();
    String text = String.valueOf(thrown.getMessage());
    if (job.failure().isPresent() && text.contains(job.failure().get())) {
      return "failed as it should";
    }
    if (fate.isDisturbed() && isGivenUp(fate, thrown)) {
      return fate == Fate.CANCELLED
          ? "cancelled"
          : fate == Fate.CUT_OFF ? "connection cut" : "client killed";
    }
    if (shared.weather.wasFull(begun) && isFullDisk(text)) {
      return FULL;
    }
    shared.tally.fault(what + " failed: " + thrown);
    return "failed unexpectedly";
  }

  /** What is to be expected of a build that this client itself has ended. */
  private static boolean isGivenUp(Fate fate, Throwable thrown) {
    return fate != Fate.CANCELLED || BuildException.categoryOf(thrown) == Category.CANCELED;
  }

  /** A step's program finds the disk full itself and ends with a code of its own. */
  private static boolean isFullDisk(String text) {
    String lower = text.toLowerCase(Locale.ROOT);
    return lower.contains("no space left") || lower.contains("exit code: ");
  }

  private Optional<Throwable> attempt(Job job, Fate fate, long after, Path out)
      throws IOException, InterruptedException {
    delete(out);
    return fate == Fate.PROGRAM || fate == Fate.PROGRAM_KILLED
        ? program(job, fate, after, out)
        : here(job, fate, after, out);
  }

  private Optional<Throwable> here(Job job, Fate fate, long after, Path out)
      throws IOException, InterruptedException {
    BuildClient client = connection();
    AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    SolveOptions options = job.options().withExports(exports(job.export(), out));
    boolean frontend = after % 2 == 0; // as buildctl does
    Thread build =
        Threads.start(
            "build",
            () -> {
              try {
                if (frontend && job.definition().isPresent()) {
                  client.build(
                      gateway -> gateway.solve(GatewayClient.Request.of(job.definition().get())),
                      options,
                      status -> {});
                } else {
                  client.solve(job.definition(), options, status -> {});
                }
              } catch (Exception | Error e) {
                failure.set(e);
              }
            });
    if (fate.isDisturbed() && !build.join(Duration.ofMillis(after))) {
      if (fate == Fate.CANCELLED) {
        build.interrupt();
      } else {
        disconnect();
      }
    }
    if (!build.join(PATIENCE)) {
      Path dump = shared.settings.work().resolve("hang-" + System.nanoTime() + ".txt");
      Files.writeString(dump, shared.daemon.threads());
      shared.tally.fault("a build (" + job.kind() + ") hangs; the daemon's threads are in " + dump);
      disconnect();
      build.interrupt();
      build.join(PATIENCE);
    }
    return Optional.ofNullable(failure.get());
  }

  private static SolveOptions.Export[] exports(Job.Export export, Path out) {
    return switch (export) {
      case NONE -> new SolveOptions.Export[0];
      case LOCAL -> new SolveOptions.Export[] {SolveOptions.Export.local(out)};
      case OCI ->
          new SolveOptions.Export[] {
            new SolveOptions.Export(
                "oci",
                Map.of(),
                Optional.of(new FileSendTarget.Target.Stream(metadata -> open(out))))
          };
    };
  }

  private static Optional<OutputStream> open(Path out) throws IOException {
    return Optional.of(Files.newOutputStream(out));
  }

  private BuildClient connection() throws IOException, InterruptedException {
    BuildClient open = connection;
    if (open == null) {
      open = shared.daemon.connect();
      connection = open;
    }
    return open;
  }

  private void disconnect() {
    BuildClient open = connection;
    connection = null;
    if (open != null) {
      open.close();
    }
  }

  /** The same by {@code buildctl}, a process that can be killed. */
  private Optional<Throwable> program(Job job, Fate fate, long after, Path out)
      throws IOException, InterruptedException {
    Path definition = directory.resolve("definition");
    try (OutputStream to = Files.newOutputStream(definition)) {
      if (job.definition().isPresent()) {
        job.definition().get().writeTo(to);
      }
    }
    Path said = directory.resolve("buildctl.log");
    Process process =
        new ProcessBuilder(command(job, out))
            .redirectInput(definition.toFile())
            .redirectErrorStream(true)
            .redirectOutput(said.toFile())
            .start();
    if (fate == Fate.PROGRAM_KILLED && !process.waitFor(after, TimeUnit.MILLISECONDS)) {
      process.destroyForcibly().waitFor();
      return Optional.of(new IOException("killed"));
    }
    if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
      process.destroyForcibly().waitFor();
      shared.tally.fault("buildctl (" + job.kind() + ") hangs");
    }
    return process.exitValue() == 0 ? Optional.empty() : Optional.of(new IOException(last(said)));
  }

  private static String last(Path file) throws IOException {
    String text = Files.readString(file, StandardCharsets.UTF_8);
    return "buildctl: " + text.substring(Math.max(0, text.length() - 2_000));
  }

  private List<String> command(Job job, Path out) {
    List<String> command =
        new ArrayList<>(
            List.of(
                shared.settings.buildctl(),
                "--addr",
                shared.daemon.address(),
                "build",
                "--progress=plain"));
    if (!job.options().frontend().isEmpty()) {
      command.addAll(List.of("--frontend", job.options().frontend()));
    }
    job.options()
        .frontendAttrs()
        .forEach((name, value) -> command.add("--opt=" + name + "=" + value));
    job.options().localDirs().forEach((name, path) -> command.add("--local=" + name + "=" + path));
    switch (job.export()) {
      case NONE -> {}
      case LOCAL -> command.add("--output=type=local,dest=" + out);
      case OCI -> command.add("--output=type=oci,dest=" + out);
    }
    return command;
  }
}
