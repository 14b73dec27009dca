package dev.buildd.daemon;

import dev.buildd.client.BuildClient;
import dev.buildd.client.ConnectOptions;
import dev.buildd.client.SolveOptions;
import dev.buildd.llb.Llb;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/** A daemon in the test's own process, for what is not reached from outside. */
final class OwnDaemon implements AutoCloseable {
  private final Path directory;
  private final String address;
  private final Daemon daemon;

  /**
   * @param directory where its root is, and busybox for steps
   */
  OwnDaemon(Path directory, Daemon.Extensions extensions) throws Exception {
    this(directory, extensions, Map.of());
  }

  /** As the other, with what its frontends may do. */
  OwnDaemon(
      Path directory,
      Daemon.Extensions extensions,
      Map<String, BuilddConfig.FrontendPolicy> frontends)
      throws Exception {
    this.directory = directory;
    this.address = "unix://" + directory.resolve("buildd.sock");
    Machine.busybox(directory);
    BuilddConfig base = BuilddConfig.defaults();
    daemon =
        Daemon.start(
            new BuilddConfig(
                directory.resolve("root"),
                base.log(),
                base.grpc().withAddresses(List.of(address)),
                base.worker(),
                base.dns(),
                base.history(),
                base.registries(),
                base.system(),
                frontends,
                base.insecureEntitlements(),
                base.traceSocket(),
                base.saveCacheDebug()),
            extensions);
  }

  BuildClient client() throws Exception {
    return BuildClient.connect(
        new ConnectOptions(address, Optional.empty(), Duration.ofSeconds(10)));
  }

  SolveOptions options() {
    return SolveOptions.defaults().withLocalDir("rootfs", directory.resolve("rootfs"));
  }

  /** Pushes an image of one small file; gives its digest. */
  String push(String name) throws Exception {
    try (BuildClient client = client()) {
      return Objects.requireNonNull(
          client
              .solve(
                  Optional.of(Llb.scratch().file(Llb.mkfile("/f", 0644, "f")).marshal()),
                  options()
                      .withExports(
                          new SolveOptions.Export(
                              "image", Map.of("name", name, "push", "true"), Optional.empty())),
                  status -> {})
              .exporterResponse()
              .get("containerimage.digest"));
    }
  }

  @Override
  public void close() {
    daemon.close();
  }
}
