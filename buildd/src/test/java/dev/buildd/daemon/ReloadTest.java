package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.error.BuildException;
import dev.buildd.client.BuildClient;
import dev.buildd.client.SolveOptions;
import dev.buildd.llb.Definition;
import dev.buildd.llb.Llb;
import dev.buildd.llb.NetworkMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** SIGHUP and the settings of a daemon that serves. */
@Tag("root")
@Timeout(60)
final class ReloadTest {
  @TempDir Path directory;

  private Path write(String text) throws Exception {
    return Files.writeString(directory.resolve("buildkitd.toml"), text);
  }

  /** Reads anew; returns what the daemon says meanwhile. */
  private static String reload(Machine machine, String end) throws Exception {
    int before = machine.log().length();
    machine.signal("HUP");
    long deadline = System.nanoTime() + 10_000_000_000L;
    while (!machine.log().substring(before).contains(end)) {
      assertThat(System.nanoTime()).as(machine.log()).isLessThan(deadline);
      Thread.sleep(20);
    }
    Thread.sleep(100); // the lines after that one
    return machine.log().substring(before);
  }

  private static void build(Machine machine, Definition definition, SolveOptions options)
      throws Exception {
    try (BuildClient client = machine.client()) {
      client.solve(Optional.of(definition), options, status -> {});
    }
  }

  @Test
  void whatCanChangeDoesAndTheRestIsNamed() throws Exception {
    Machine.busybox(directory);
    Path config = write("insecure-entitlements = []\n[history]\nmaxEntries = 50\n");
    try (Machine machine = new Machine(directory, "--config", config.toString())) {
      Definition onHost =
          Machine.base().run(Llb.args("/bin/true"), Llb.network(NetworkMode.HOST)).root().marshal();
      SolveOptions asking = machine.options().withEntitlements("network.host");
      assertThatThrownBy(() -> build(machine, onHost, asking))
          .isInstanceOf(BuildException.class)
          .hasMessageContaining("network.host is not allowed");
      write(
          """
          root = "/somewhere/else"
          insecure-entitlements = ["network.host"]
          [grpc]
            address = ["unix:///not/this/one"]
            uid = 7
          [log]
            format = "json"
          [history]
            maxEntries = 1
          [frontend."dockerfile.v0"]
            enabled = false
          [registry."registry.example"]
            http = true
          [dns]
            nameservers = ["192.0.2.1"]
          [system]
            nonsense = 1
          """);
      String said = reload(machine, "configuration was read anew");
      assertThat(said)
          .contains(
              "\"msg\":\"grpc.uid has changed, which takes effect when the daemon is started"
                  + " anew\"",
              "dns has changed",
              "unknown key system.nonsense")
          .doesNotContain("root has changed", "grpc.address has changed"); // flags go before
      build(machine, onHost, asking);
      try (BuildClient client = machine.client()) {
        assertThatThrownBy(() ->
                client.solve(
                    Optional.empty(),
                    machine.options().withFrontend("dockerfile.v0", Map.of()),
                    status -> {}))
            .hasMessageContaining("dockerfile.v0");
      }
      String broken = "[grpc\n";
      write(broken);
      assertThat(reload(machine, "the earlier one stands"))
          .contains("\"level\":\"error\"", "failed to parse " + config)
          .doesNotContain("was read anew");
      write("[log]\nlevel = \"loud\"\n");
      assertThat(reload(machine, "the earlier one stands")).contains("level must be");
      write("[grpc.tls]\ncert = \"/none\"\n");
      assertThat(reload(machine, "the earlier one stands")).contains("you must specify key");
      build(machine, onHost, asking);
      write("");
      assertThat(reload(machine, "configuration was read anew")).doesNotContain("has changed");
      assertThatThrownBy(() -> build(machine, onHost, asking))
          .hasMessageContaining("network.host is not allowed");
      assertThat(machine.stop()).isZero();
    }
  }
}
