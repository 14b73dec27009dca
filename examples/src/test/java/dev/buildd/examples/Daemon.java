package dev.buildd.examples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.client.BuildClient;
import dev.buildd.client.ConnectOptions;
import dev.buildd.client.SolveOptions;
import dev.buildd.client.SolveStatus;
import dev.buildd.gateway.Frontend;
import dev.buildd.llb.Definition;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.TimeUnit;

/** A daemon in a process of its own, on a root of its own, and busybox for its steps. */
final class Daemon implements AutoCloseable {
  private final Path directory;
  private final Process process;

  Daemon(Path directory) throws Exception {
    this.directory = directory;
    Path binary = Path.of("/bin/busybox");
    assertThat(binary).as("Debian's busybox-static is needed").exists();
    Files.copy(binary, Files.createDirectories(rootfs().resolve("bin")).resolve("busybox"));
    this.process = start();
  }

  private Process start() throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin/java").toString());
    command.addAll(
        List.of(
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            System.getProperty("java.class.path"),
            "dev.buildd.daemon.Main",
            "--root",
            directory + "/root",
            "--addr",
            address()));
    Path log = directory.resolve("log");
    Process started =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (!Files.exists(directory.resolve("sock"))) {
      if (!started.isAlive() || System.nanoTime() > deadline) {
        throw new AssertionError("the daemon does not start:\n" + Files.readString(log));
      }
      Thread.sleep(20);
    }
    return started;
  }

  Path rootfs() {
    return directory.resolve("rootfs");
  }

  String address() {
    return "unix://" + directory.resolve("sock");
  }

  BuildClient client() throws Exception {
    return BuildClient.connect(
        new ConnectOptions(address(), Optional.empty(), Duration.ofSeconds(10)));
  }

  /** Builds; returns the names of the steps that ran, not those cached. */
  Set<String> build(Definition definition, SolveOptions options) throws Exception {
    Set<String> ran = new ConcurrentSkipListSet<>();
    try (BuildClient client = client()) {
      client.solve(Optional.of(definition), options, status -> noteRuns(status, ran));
    }
    return new TreeSet<>(ran);
  }

  /** The same with a frontend that runs here. */
  Set<String> build(Frontend frontend, SolveOptions options) throws Exception {
    Set<String> ran = new ConcurrentSkipListSet<>();
    try (BuildClient client = client()) {
      client.build(frontend, options, status -> noteRuns(status, ran));
    }
    return new TreeSet<>(ran);
  }

  private static void noteRuns(SolveStatus status, Set<String> ran) {
    for (SolveStatus.Vertex vertex : status.vertexes()) {
      if (vertex.completed().isPresent() && !vertex.cached() && vertex.error().isEmpty()) {
        ran.add(vertex.name());
      }
    }
  }

  @Override
  public void close() {
    process.destroy();
    try {
      if (!process.waitFor(20, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
