package dev.buildd.daemon;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Other people's programs that tests run, servers on loopback among them, until closed. */
final class Programs implements AutoCloseable {
  private final Path directory;
  private final List<Process> servers = new ArrayList<>();

  /**
   * @param directory for configurations, logs and what servers store
   */
  Programs(Path directory) {
    this.directory = directory;
  }

  /** Runs a program to its end and returns what it says. */
  static String run(Path directory, String... command) throws Exception {
    Process process =
        new ProcessBuilder(command).directory(directory.toFile()).redirectErrorStream(true).start();
    String out = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor()).as(String.join(" ", command) + "\n" + out).isZero();
    return out;
  }

  /** The manifest of an image in a registry on loopback, as it is there. */
  static String manifest(Path directory, String reference) throws Exception {
    return run(
        directory, "skopeo", "inspect", "--raw", "--tls-verify=false", "docker://" + reference);
  }

  static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  /** Starts a server and waits until it accepts connections. */
  void serve(int port, String... command) throws Exception {
    Path log = directory.resolve("server-" + port + ".log");
    Process server =
        new ProcessBuilder(command)
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    servers.add(server);
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (true) {
      try (Socket _ = new Socket(InetAddress.getLoopbackAddress(), port)) {
        return;
      } catch (IOException e) {
        if (!server.isAlive() || System.nanoTime() > deadline) {
          throw new AssertionError(Files.readString(log), e);
        }
        Thread.sleep(50);
      }
    }
  }

  /** Starts Debian's registry; returns its port. */
  int serveRegistry() throws Exception {
    int port = freePort();
    Path config = directory.resolve("registry-" + port + ".yml");
    Files.writeString(
        config,
        """
        version: 0.1
        log: {level: error}
        storage: {filesystem: {rootdirectory: %s}}
        http: {addr: "127.0.0.1:%d"}
        validation: {manifests: {urls: {allow: ["^http://localhost:"]}}}
        """
            .formatted(directory.resolve("registry-" + port), port));
    serve(port, "docker-registry", "serve", config.toString());
    return port;
  }

  /** Deletes the blobs of all registries that are larger; they still know their manifests. */
  void loseBlobs(long largerThan) throws IOException {
    try (Stream<Path> stored = Files.walk(directory)) {
      for (Path data :
          stored
              .filter(p -> p.endsWith("data") && p.toString().contains("registry-"))
              .filter(p -> p.toFile().length() > largerThan)
              .toList()) {
        Files.delete(data);
      }
    }
  }

  @Override
  public void close() {
    for (Process server : servers) {
      server.descendants().forEach(ProcessHandle::destroyForcibly);
      server.destroyForcibly().onExit().join();
    }
  }
}
