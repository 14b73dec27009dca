package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.daemon.gc.DiskSpace;
import dev.buildd.daemon.gc.GcSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.toml.TomlMapper;

/** Every key of {@code buildkitd.toml}, and what is said of those that are none. */
final class ConfigFileTest {
  @TempDir Path temp;

  private ConfigFile.Loaded load(String text) throws IOException {
    return ConfigFile.load(Files.writeString(temp.resolve("buildkitd.toml"), text));
  }

  @Test
  void allThatIsBuiltIsRead() throws Exception {
    ConfigFile.Loaded loaded =
        load(
            """
            debug = false
            trace = false
            root = "/r"
            insecure-entitlements = ["network.host", "security.insecure"]
            [log]
              format = "json"
              level = "warn"
            [grpc]
              address = ["unix:///a", "tcp://0.0.0.0:1"]
              debugAddress = "0.0.0.0:2"
              uid = 3
              gid = 4
              drainTimeout = "90s"
              [grpc.tls]
                cert = "/tls.crt"
                key = "/tls.key"
                ca = "/tls-ca.crt"
            [dns]
              nameservers = ["1.1.1.1"]
              options = ["edns0"]
              searchDomains = ["example.com"]
            [history]
              maxAge = "1h30m"
              maxEntries = 5
            [otel]
              socketPath = "/traces.sock"
            [system]
              platformsCacheMaxAge = "1m500ms"
              maxRegistryConcurrency = 6
            [worker.containerd]
              enabled = false
            [worker.oci]
              enabled = false
              platforms = ["linux/amd64"]
              snapshotter = "native"
              binary = "crun"
              networkMode = "host"
              cniConfigPath = "/cni.json"
              defaultCgroupParent = "/parent"
              apparmor-profile = "profile"
              max-parallelism = 7
              gc = false
              gckeepstorage = 9000
              reservedSpace = "1GB"
              maxUsedSpace = "60%"
              minFreeSpace = 123
              [[worker.oci.gcpolicy]]
                all = true
                filters = ["type==source.local,mutable", "id~=^a"]
                keepDuration = "48h"
                keepBytes = "1kb"
                reservedSpace = 2
                maxUsedSpace = "3%"
                minFreeSpace = "4"
              [[worker.oci.gcpolicy]]
                keepDuration = 3600
              [worker.oci.labels]
                team = "compilers"
            [frontend."gateway.v0"]
              enabled = false
              allowedRepositories = ["docker/dockerfile"]
            [registry."example.com:5000"]
              mirrors = ["mirror"]
              http = true
              insecure = true
              ca = ["/ca"]
              tlsconfigdir = ["/certs"]
              [[registry."example.com:5000".keypair]]
                key = "/key"
                cert = "/cert"
            """);
    assertThat(loaded.warnings()).isEmpty();
    assertThat(loaded.config())
        .isEqualTo(
            new BuilddConfig(
                Path.of("/r"),
                new BuilddConfig.Log("warn", true),
                new BuilddConfig.Grpc(
                    List.of("unix:///a", "tcp://0.0.0.0:1"),
                    Optional.of("0.0.0.0:2"),
                    3,
                    4,
                    new BuilddConfig.Tls("/tls.crt", "/tls.key", "/tls-ca.crt"),
                    Duration.ofSeconds(90)),
                new BuilddConfig.OciWorker(
                    false,
                    Map.of("team", "compilers"),
                    List.of("linux/amd64"),
                    "native",
                    "crun",
                    "host",
                    "/cni.json",
                    "/parent",
                    "profile",
                    7,
                    new GcSettings(
                        false,
                        DiskSpace.ofBytes(9000),
                        DiskSpace.ofBytes(1 << 30),
                        DiskSpace.ofPercent(60),
                        DiskSpace.ofBytes(123),
                        List.of(
                            new GcSettings.Policy(
                                true,
                                List.of("type==source.local,mutable", "id~=^a"),
                                Duration.ofDays(2),
                                DiskSpace.ofBytes(1024),
                                DiskSpace.ofBytes(2),
                                DiskSpace.ofPercent(3),
                                DiskSpace.ofBytes(4)),
                            new GcSettings.Policy(
                                false,
                                List.of(),
                                Duration.ofHours(1),
                                DiskSpace.NONE,
                                DiskSpace.NONE,
                                DiskSpace.NONE,
                                DiskSpace.NONE)))),
                new BuilddConfig.Dns(List.of("1.1.1.1"), List.of("edns0"), List.of("example.com")),
                new BuilddConfig.HistoryLimits(5400, 5),
                Map.of(
                    "example.com:5000",
                    new BuilddConfig.Registry(
                        List.of("mirror"),
                        Optional.of(true),
                        true,
                        List.of("/ca"),
                        List.of(new BuilddConfig.KeyPair("/key", "/cert")),
                        List.of("/certs"))),
                new BuilddConfig.SystemLimits(Duration.ofMillis(60_500), 6),
                Map.of(
                    "gateway.v0",
                    new BuilddConfig.FrontendPolicy(false, List.of("docker/dockerfile"))),
                Set.of("network.host", "security.insecure"),
                Optional.of(Path.of("/traces.sock")),
                false));
  }

  @Test
  void wrongValuesOfGarbageCollectionAreRefusedWithTheirLine() {
    assertThatThrownBy(() -> load("[worker.oci]\n\nmaxUsedSpace = \"much\""))
        .hasMessageContaining("buildkitd.toml:3: maxUsedSpace must be bytes");
    assertThatThrownBy(() -> load("[worker.oci]\nminFreeSpace = -1"))
        .hasMessageContaining("buildkitd.toml:2: minFreeSpace must be");
    assertThatThrownBy(() -> load("[[worker.oci.gcpolicy]]\nfilters = [\"type==\\\"x\"]"))
        .hasMessageContaining("buildkitd.toml:2: filters must be filters");
    assertThatThrownBy(() -> load("[[worker.oci.gcpolicy]]\nkeepDuration = \"soon\""))
        .hasMessageContaining("keepDuration must be");
  }

  @Test
  void anEmptyFileIsTheDefaults() throws Exception {
    assertThat(load("")).isEqualTo(new ConfigFile.Loaded(BuilddConfig.defaults(), List.of()));
    assertThat(load("debug = true").config().log().level()).isEqualTo("debug");
    assertThat(load("debug = true\ntrace = true").config().log().level()).isEqualTo("trace");
    assertThat(load("[history]\nmaxAge = 90").config().history().maxAgeSeconds()).isEqualTo(90);
    assertThat(load("[system]\nplatformsCacheMaxAge = -1").config().system().platformsCacheMaxAge())
        .isEqualTo(Duration.ofSeconds(-1));
  }

  @Test
  void tracesOfStepsComeBesideClients() throws Exception {
    assertThat(load("").config().traceSocketPath()).hasToString("/run/buildkit/otel-grpc.sock");
    assertThat(
            load("[grpc]\naddress = [\"tcp://0.0.0.0:1\", \"unix:///a/b.sock\"]\n")
                .config()
                .traceSocketPath())
        .hasToString("/a/otel-grpc.sock");
    assertThat(load("[grpc]\naddress = [\"fd://\"]\n").config().traceSocketPath())
        .hasToString("/run/buildkit/otel-grpc.sock");
    assertThat(load("[otel]\nsocketPath = \"/c.sock\"\n").config().traceSocketPath())
        .hasToString("/c.sock");
  }

  @Test
  void keysThatDoNothingAreToldByLine() throws Exception {
    assertThat(
            load("root = \"/r\"\n[worker.oci]\n  rootless = true\n  maxparallelism = 3\n")
                .warnings())
        .satisfiesExactly(
            known ->
                assertThat(known)
                    .endsWith(
                        "toml:3:3: worker.oci.rootless is not supported by this daemon yet and was"
                            + " ignored"),
            unknown ->
                assertThat(unknown)
                    .endsWith(
                        "toml:4:3: unknown key worker.oci.maxparallelism, did you mean"
                            + " max-parallelism?"));
  }

  @Test
  void placesAreThoseOfTheKeyInItsTable() throws Exception {
    assertThat(
            load("""
            root = "/r"
            [history]
              maxAge = 1
            [worker.oci]
              labels = { "a.b" = "c" }
              dns = [
                "maxAge = 1",
              ]
            [dns]
            \tmaxAge = 2
            log.levle = "info"
            [registry."example.com:5000"]
              options = { maxAge = 3, nested = 4 }
            [[worker.containerd.gcpolicy]]
              all = true
            [[registry."example.com:5000".keypair]]
              kye = "/key"
            [[ "worker" . oci.strange ]]
              maxAge = 5
            """)
                .warnings())
        .extracting(warning -> warning.replaceFirst(".*toml:", "").replaceFirst(",.*", ""))
        .containsExactlyInAnyOrder(
            "6:3: unknown key worker.oci.dns",
            "10:2: unknown key dns.maxAge",
            "11:1: unknown key dns.log.levle",
            "13:15: unknown key registry.example.com:5000.options.maxAge",
            "13:27: unknown key registry.example.com:5000.options.nested",
            "15:3: worker.containerd.gcpolicy[].all is not supported by this daemon yet and was"
                + " ignored",
            "17:3: unknown key registry.example.com:5000.keypair[].kye",
            "19:3: unknown key worker.oci.strange[].maxAge");
  }

  /** The file that is shipped: each key, with its default where it has one. */
  @Test
  void theExampleHasEveryKeyAndIsRead() throws Exception {
    List<String> lines = Files.readAllLines(Path.of("../packaging/buildkitd.toml"));
    assertThat(load(String.join("\n", lines)))
        .as("as it is, it changes nothing")
        .isEqualTo(new ConfigFile.Loaded(BuilddConfig.defaults(), List.of()));
    String whole =
        String.join(
            "\n", lines.stream().map(line -> line.replaceFirst("^(\\s*)#(?! )", "$1")).toList());
    ConfigFile.Loaded loaded = load(whole);
    assertThat(loaded.warnings()).isEmpty();
    Set<String> there = new TreeSet<>();
    collect(new TomlMapper().readTree(whole), "", there);
    for (String pattern : ConfigKeys.BUILT) {
      assertThat(there).as(pattern).anyMatch(key -> ConfigKeys.matches(List.of(pattern), key));
    }
    String documented = Files.readString(Path.of("../docs/configuration.md"));
    for (List<String> patterns : List.of(ConfigKeys.BUILT, ConfigKeys.KNOWN)) {
      for (String pattern : patterns) {
        assertThat(documented).as("docs/configuration.md").contains("`" + pattern + "`");
      }
    }
  }

  private static void collect(JsonNode table, String prefix, Set<String> out) {
    for (Map.Entry<String, JsonNode> entry : table.properties()) {
      String key = prefix.isEmpty() ? entry.getKey() : prefix + "\0" + entry.getKey();
      JsonNode value = entry.getValue();
      if (value.isObject()) {
        collect(value, key, out);
      } else if (value.isArray() && !value.isEmpty() && value.get(0).isObject()) {
        value.forEach(element -> collect(element, key + "[]", out));
      } else {
        out.add(key);
      }
    }
  }

  @Test
  void whatProtectsAndIsNotThereIsRefused() throws Exception {
    for (String asked :
        List.of(
            "proxyNetwork = true",
            "[worker.oci]\nselinux = true",
            "[worker.oci]\nuserRemapUnsupported = \"user\"")) {
      assertThatThrownBy(() -> load(asked))
          .as(asked)
          .isInstanceOf(BuildException.class)
          .hasMessageContaining("is not supported by this daemon yet")
          .extracting(e -> ((BuildException) e).category())
          .isEqualTo(Category.UNIMPLEMENTED);
    }
    assertThat(load("proxyNetwork = false\n[worker.oci]\nselinux = false").config())
        .isEqualTo(BuilddConfig.defaults());
  }

  @Test
  void wrongValuesAreRefusedByLine() {
    refuses("root = 1", "toml:1: root must be a string");
    refuses("\n[grpc]\nuid = \"x\"", "toml:3: uid must be a whole number");
    refuses("[grpc]\naddress = \"x\"", "toml:2: address must be a list of strings");
    refuses("debug = \"yes\"", "toml:1: debug must be true or false");
    refuses("[history]\nmaxAge = \"soon\"", "toml:2: maxAge must be seconds or a duration");
    refuses(
        "[system]\nmaxRegistryConcurrency = 0",
        "toml:2: maxRegistryConcurrency must be greater than zero");
    refuses(
        "[system]\nplatformsCacheMaxAge = \"often\"",
        "toml:2: platformsCacheMaxAge must be seconds or a duration");
    refuses("[log", "at line 1");
  }

  private void refuses(String text, String why) {
    assertThatThrownBy(() -> load(text))
        .isInstanceOf(BuildException.class)
        .hasMessageContaining(why);
  }
}
