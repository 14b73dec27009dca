package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.linux.Linux;
import dev.buildd.client.BuildClient;
import dev.buildd.client.ConnectOptions;
import dev.buildd.client.SolveOptions;
import dev.buildd.client.SolveStatus;
import dev.buildd.llb.Definition;
import dev.buildd.llb.FileAction;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** What tests share: a daemon in a process of its own, and a root filesystem of busybox's. */
final class Machine implements AutoCloseable {
  private static final List<String> APPLETS =
      List.of("sh", "cat", "echo", "sleep", "true", "false", "mkdir", "rm", "ls", "id", "seq");

  private final Path directory;
  private final List<String> flags;
  private Process process;

  Machine(Path directory, String... flags) throws Exception {
    this.directory = directory;
    this.flags = List.of(flags);
    this.process = start();
  }

  static Path busybox(Path directory) throws IOException {
    Path bin = Files.createDirectories(directory.resolve("rootfs/bin"));
    Path binary = Path.of("/bin/busybox");
    assertThat(binary).as("Debian's busybox-static is needed").exists();
    Files.copy(binary, bin.resolve("busybox"), StandardCopyOption.REPLACE_EXISTING);
    for (String applet : APPLETS) {
      Path link = bin.resolve(applet);
      if (!Files.exists(link)) {
        Files.createSymbolicLink(link, Path.of("busybox"));
      }
    }
    return directory.resolve("rootfs");
  }

  /** A state with busybox in it, from the client's directory {@code rootfs}. */
  static State base() {
    return Llb.scratch()
        .file(
            Llb.copy(Llb.local("rootfs"), "/", "/", FileAction.CopyOptions.DEFAULT.contentsOnly()));
  }

  String address() {
    return "unix://" + socket();
  }

  private Path socket() {
    return directory.resolve("buildd.sock");
  }

  Path root() {
    return directory.resolve("root");
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
            Main.class.getName(),
            "--root",
            root().toString(),
            "--addr",
            address(),
            "--debug"));
    command.addAll(flags);
    Files.deleteIfExists(socket());
    Process started =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(directory.resolve("log").toFile()))
            .start();
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (!Files.exists(socket())) {
      if (!started.isAlive() || System.nanoTime() > deadline) {
        throw new AssertionError(
            "the daemon does not start:\n" + Files.readString(directory.resolve("log")));
      }
      Thread.sleep(20);
    }
    return started;
  }

  BuildClient client() throws Exception {
    return BuildClient.connect(
        new ConnectOptions(address(), Optional.empty(), Duration.ofSeconds(10)));
  }

  Process process() {
    return process;
  }

  /** Ends the daemon as a power cut would, as far as a process can. */
  void kill() throws Exception {
    process.destroyForcibly();
    process.waitFor();
  }

  void restart() throws Exception {
    process = start();
  }

  /** Ends the daemon as a service manager does, and gives its exit code. */
  int stop() throws Exception {
    process.destroy();
    assertThat(process.waitFor(20, TimeUnit.SECONDS)).as("the daemon ends").isTrue();
    return process.exitValue();
  }

  SolveOptions options() {
    return SolveOptions.defaults().withLocalDir("rootfs", directory.resolve("rootfs"));
  }

  /** Builds into a directory; returns the names of the steps that ran, not those cached. */
  Set<String> build(BuildClient client, State state, Path out) throws Exception {
    Definition definition = state.marshal();
    Set<String> ran = new HashSet<>();
    client.solve(
        Optional.of(definition),
        options().withExports(SolveOptions.Export.local(out)),
        status -> noteRuns(status, ran));
    return ran;
  }

  static void noteRuns(SolveStatus status, Set<String> ran) {
    for (SolveStatus.Vertex vertex : status.vertexes()) {
      if (vertex.completed().isPresent() && !vertex.cached() && vertex.error().isEmpty()) {
        ran.add(vertex.name());
      }
    }
  }

  /** Mounts below the daemon's root. */
  List<String> mounts() throws IOException {
    try (Stream<String> lines = Files.lines(Path.of("/proc/self/mountinfo"))) {
      return lines.filter(line -> line.contains(" " + root() + "/")).toList();
    }
  }

  /** Open descriptors of the daemon. */
  long descriptors() throws IOException {
    try (Stream<Path> open = Files.list(Path.of("/proc/" + process.pid() + "/fd"))) {
      return open.count();
    }
  }

  /** Processes that run below the daemon. */
  long children() {
    return process.descendants().count();
  }

  static boolean isRoot() throws IOException {
    return Linux.stat(Path.of("/proc/self")).uid() == 0;
  }

  @Override
  public void close() {
    if (process.isAlive()) {
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
}
