package dev.buildd.client;

import dev.buildd.base.http.TlsSettings;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * How to reach a daemon.
 *
 * @param address {@code unix://PATH} or {@code tcp://HOST:PORT}; or a daemon that a program
 *     reaches, by {@code buildctl dial-stdio} there: {@code docker-container://NAME[?context=]},
 *     {@code podman-container://NAME}, {@code nerdctl-container://NAME[?namespace=]}, {@code
 *     kube-pod://POD[?context=&namespace=&container=]}, {@code ssh://[USER@]HOST[:PORT][/SOCKET]}
 * @param timeout how long to try
 */
public record ConnectOptions(String address, Optional<Tls> tls, Duration timeout) {
  /**
   * Certificates.
   *
   * @param serverName whom the daemon's certificate must be for, if not its host
   * @param authority who signs the daemon's certificate; those the system trusts if empty
   * @param own what the daemon is shown
   */
  public record Tls(
      Optional<String> serverName, Optional<Path> authority, Optional<TlsSettings.KeyPair> own) {}

  public static ConnectOptions of(String address) {
    return new ConnectOptions(address, Optional.empty(), Duration.ofSeconds(5));
  }
}
