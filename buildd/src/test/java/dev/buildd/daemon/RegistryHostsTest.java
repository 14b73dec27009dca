package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.http.TlsSettings;
import dev.buildd.registry.RegistrySettings;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class RegistryHostsTest {
  @TempDir Path temp;

  @Test
  void filesOfADirectoryAddToThoseNamed() throws Exception {
    for (String file : new String[] {"b.crt", "a.crt", "client.cert", "client.key", "notes"}) {
      Files.createFile(temp.resolve(file));
    }
    BuilddConfig.Registry registry =
        new BuilddConfig.Registry(
            List.of("mirror"),
            Optional.of(false),
            true,
            List.of("/ca.pem"),
            List.of(new BuilddConfig.KeyPair("/key", "/cert")),
            List.of(temp.toString(), temp.resolve("none").toString()));
    BuilddConfig base = BuilddConfig.defaults();
    RegistrySettings settings =
        RegistryHosts.settings(
            new BuilddConfig(
                base.root(),
                base.log(),
                base.grpc(),
                base.worker(),
                base.dns(),
                base.history(),
                Map.of("host", registry),
                new BuilddConfig.SystemLimits(Duration.ZERO, 7),
                base.frontends(),
                base.insecureEntitlements(),
                base.traceSocket(),
                base.saveCacheDebug()));
    assertThat(settings.maxConcurrency()).isEqualTo(7);
    assertThat(settings.hosts())
        .containsOnly(
            Map.entry(
                "host",
                new RegistrySettings.Host(
                    Optional.of(false),
                    true,
                    List.of("mirror"),
                    List.of(Path.of("/ca.pem"), temp.resolve("a.crt"), temp.resolve("b.crt")),
                    List.of(
                        new TlsSettings.KeyPair(Path.of("/key"), Path.of("/cert")),
                        new TlsSettings.KeyPair(
                            temp.resolve("client.key"), temp.resolve("client.cert"))))));
  }
}
