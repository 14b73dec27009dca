package dev.buildd.base.http;

import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * A request and the redirects it leads to, which carry credentials no further than to where they
 * were meant for. The client it is sent with follows no redirects itself.
 *
 * @param authorization the header {@code Authorization}
 * @param patience how long the answer may take to begin
 * @param body what is sent, if anything
 */
public record HttpExchange(
    String method,
    HttpUrl url,
    Map<String, String> headers,
    Optional<String> authorization,
    Optional<Duration> patience,
    Optional<HttpRequest.Body> body) {
  private static final int MAX_REDIRECTS = 10;

  public HttpExchange(
      String method,
      HttpUrl url,
      Map<String, String> headers,
      Optional<String> authorization,
      Optional<Duration> patience) {
    this(method, url, headers, authorization, patience, Optional.empty());
  }

  public HttpExchange {
    headers = Map.copyOf(headers);
  }

  /** The answer that is not a redirect. */
  public HttpResponse send(HttpClient client) throws IOException, InterruptedException {
    HttpUrl at = url;
    for (int i = 0; i < MAX_REDIRECTS; i++) {
      HttpResponse response = send(client, at);
      Optional<String> location = response.headers().firstValue("Location");
      switch (response.statusCode()) {
        case 301, 302, 303, 307, 308 -> {
          if (location.isEmpty()) {
            return response;
          }
          response.body().close();
          at = target(at, location.get());
        }
        default -> {
          return response;
        }
      }
    }
    throw new IOException("stopped after " + MAX_REDIRECTS + " redirects");
  }

  private HttpResponse send(HttpClient client, HttpUrl to)
      throws IOException, InterruptedException {
    Map<String, String> all = new HashMap<>(headers);
    if (authorization.isPresent() && to.isSameOrigin(url)) {
      all.put("Authorization", authorization.get());
    }
    try {
      return client.send(new HttpRequest(method, to, all, patience, body));
    } catch (IOException e) {
      throw new IOException(
          method.charAt(0)
              + method.substring(1).toLowerCase(Locale.ROOT)
              + " \""
              + to.shown()
              + "\": "
              + (e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage()),
          e);
    }
  }

  private static HttpUrl target(HttpUrl from, String location) throws IOException {
    try {
      return from.resolve(location);
    } catch (IllegalArgumentException e) {
      throw new IOException("redirect to an invalid address: " + e.getMessage(), e);
    }
  }
}
