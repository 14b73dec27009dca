package dev.buildd.base.http;

import java.io.InputStream;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * What is asked of a web server.
 *
 * @param headers without those that the client itself writes: {@code Host}, those of the body and
 *     of the connection
 * @param patience how long the answer may take to begin; empty for as long as it takes
 */
public record HttpRequest(
    String method,
    HttpUrl url,
    Map<String, String> headers,
    Optional<Duration> patience,
    Optional<Body> body) {

  /**
   * What is sent.
   *
   * @param content gives it anew each time
   * @param length in bytes
   */
  public record Body(Supplier<InputStream> content, long length) {}

  public HttpRequest {
    headers = Map.copyOf(headers);
    headers.forEach((name, value) -> {
      if (!name.matches("[!#$%&'*+.^_`|~0-9A-Za-z-]+")
          || value.chars().anyMatch(c -> (c < ' ' && c != '\t') || c == 0x7f)) {
        throw new IllegalArgumentException("invalid header " + name);
      }
    });
  }
}
