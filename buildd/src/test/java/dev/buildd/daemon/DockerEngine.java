package dev.buildd.daemon;

import com.github.dockerjava.api.DockerClient;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.dockerclient.DockerClientProviderStrategy;
import org.testcontainers.dockerclient.TransportConfig;

/**
 * A Docker engine of its own, without bridges and firewall rules, which Testcontainers is told to
 * use. One in a process, for Testcontainers keeps the first engine that it finds.
 */
final class DockerEngine implements AutoCloseable {
  private static final Path RUNTIME =
      Path.of("src/test/resources/runc-without-missing-capabilities.sh").toAbsolutePath();
  private static volatile @Nullable Path socket;

  private final Process engine;
  private final String address;

  private DockerEngine(Process engine, Path listening) {
    this.engine = engine;
    this.address = "unix://" + listening;
  }

  /**
   * Starts an engine.
   *
   * @param directory for all that it stores
   */
  static DockerEngine start(Path directory) throws Exception {
    Path at = Files.createDirectories(directory.resolve("docker"));
    Path log = at.resolve("log");
    Path listening = at.resolve("docker.sock");
    Process process =
        new ProcessBuilder(
                "dockerd",
                "--host=unix://" + listening,
                "--data-root=" + at.resolve("data"),
                "--exec-root=" + at.resolve("exec"),
                "--pidfile=" + at.resolve("pid"),
                "--exec-opt=native.cgroupdriver=cgroupfs",
                "--add-runtime=here=" + RUNTIME,
                "--default-runtime=here",
                "--bridge=none",
                "--iptables=false",
                "--ip6tables=false")
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    DockerEngine engine = new DockerEngine(process, listening);
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (!Files.readString(log).contains("API listen on ")) {
      if (!process.isAlive() || System.nanoTime() > deadline) {
        engine.close();
        throw new AssertionError("the engine does not start:\n" + Files.readString(log));
      }
      Thread.sleep(50);
    }
    socket = listening;
    return engine;
  }

  /** For the variable {@code DOCKER_HOST} of other clients. */
  String address() {
    return address;
  }

  DockerClient client() {
    return DockerClientFactory.instance().client();
  }

  /** The engine unmounts and removes what it made; what it cannot end in time is killed. */
  @Override
  public void close() {
    List<ProcessHandle> below = engine.descendants().toList();
    engine.destroy();
    try {
      if (!engine.waitFor(30, TimeUnit.SECONDS)) {
        engine.destroyForcibly();
      }
    } catch (InterruptedException e) {
      engine.destroyForcibly();
      Thread.currentThread().interrupt();
    }
    below.forEach(ProcessHandle::destroyForcibly);
  }

  /** How Testcontainers finds the engine; named in {@code META-INF/services}. */
  public static final class Strategy extends DockerClientProviderStrategy {
    @Override
    public TransportConfig getTransportConfig() {
      Path at = socket;
      if (at == null) {
        throw new IllegalStateException("no engine was started");
      }
      return TransportConfig.builder().dockerHost(URI.create("unix://" + at)).build();
    }

    @Override
    protected int getPriority() {
      return Integer.MAX_VALUE;
    }

    @Override
    public String getDescription() {
      return "the engine that the test started";
    }
  }
}
