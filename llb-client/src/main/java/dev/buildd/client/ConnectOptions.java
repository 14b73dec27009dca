package dev.buildd.client;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * How to reach a daemon.
 *
 * @param address {@code unix://PATH} or {@code tcp://HOST:PORT}
 * @param timeout how long to try
 */
public record ConnectOptions(String address, Optional<Tls> tls, Duration timeout) {
  /**
   * Certificates.
   *
   * @param serverName whom the daemon's certificate must be for, if not its host
   */
  public record Tls(
      Optional<String> serverName,
      Optional<Path> ca,
      Optional<Path> certificate,
      Optional<Path> key) {}

  public static ConnectOptions of(String address) {
    return new ConnectOptions(address, Optional.empty(), Duration.ofSeconds(5));
  }
}
