package dev.buildd.registry;

import dev.buildd.base.http.TlsSettings;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * How registries are reached.
 *
 * @param hosts by name as in references, {@code docker.io} for Docker Hub
 * @param firstPause before a failed request is tried again; doubles each time
 * @param patience how long a transfer may stand still
 * @param maxConcurrency how many blobs, or parts of large ones, one registry transfers at once
 */
public record RegistrySettings(
    Map<String, Host> hosts, Duration firstPause, Duration patience, int maxConcurrency) {
  /** As many transfers as BuildKit gives each registry. */
  public static final int DEFAULT_CONCURRENCY = 4;

  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /**
   * One section {@code [registry."HOST"]}.
   *
   * @param http whether to speak plain HTTP; if not told, only to this machine
   * @param insecure whether to take any certificate
   * @param mirrors hosts to try first, each with a path if need be
   * @param rootCas PEM files with authorities trusted besides the system's
   * @param keyPairs client certificates
   */
  public record Host(
      Optional<Boolean> http,
      boolean insecure,
      List<String> mirrors,
      List<Path> rootCas,
      List<TlsSettings.KeyPair> keyPairs) {
    public static final Host DEFAULT =
        new Host(Optional.empty(), false, List.of(), List.of(), List.of());

    public Host {
      mirrors = List.copyOf(mirrors);
      rootCas = List.copyOf(rootCas);
      keyPairs = List.copyOf(keyPairs);
    }
  }

  public RegistrySettings {
    hosts = Map.copyOf(hosts);
    if (maxConcurrency < 1) {
      throw new IllegalArgumentException("no transfer at all: " + maxConcurrency);
    }
  }

  public RegistrySettings(Map<String, Host> hosts, Duration firstPause) {
    this(hosts, firstPause, PATIENCE, DEFAULT_CONCURRENCY);
  }

  public RegistrySettings withMaxConcurrency(int limit) {
    return new RegistrySettings(hosts, firstPause, patience, limit);
  }

  public RegistrySettings withPatience(Duration longest) {
    return new RegistrySettings(hosts, firstPause, longest, maxConcurrency);
  }

  public static RegistrySettings defaults() {
    return new RegistrySettings(Map.of(), Duration.ofSeconds(1));
  }

  Host host(String name) {
    return hosts.getOrDefault(name, Host.DEFAULT);
  }
}
