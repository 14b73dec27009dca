package dev.buildd.cache.registry;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

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
    URI uri,
    Map<String, String> headers,
    Optional<String> authorization,
    Optional<Duration> patience,
    Optional<Body> body) {
  private static final int MAX_REDIRECTS = 10;

  /** What is sent, as often as it takes. */
  public record Body(Supplier<InputStream> content, long length) {}

  public HttpExchange(
      String method,
      URI uri,
      Map<String, String> headers,
      Optional<String> authorization,
      Optional<Duration> patience) {
    this(method, uri, headers, authorization, patience, Optional.empty());
  }

  public HttpExchange {
    headers = Map.copyOf(headers);
  }

  /** The answer that is not a redirect. */
  public HttpResponse<InputStream> send(HttpClient client)
      throws IOException, InterruptedException {
    URI at = uri;
    for (int i = 0; i < MAX_REDIRECTS; i++) {
      HttpResponse<InputStream> response = send(client, at);
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

  private HttpResponse<InputStream> send(HttpClient client, URI to)
      throws IOException, InterruptedException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(to)
            .method(
                method,
                body.map(HttpExchange::publisher).orElse(HttpRequest.BodyPublishers.noBody()));
    patience.ifPresent(request::timeout);
    headers.forEach(request::header);
    if (authorization.isPresent() && isSameOrigin(to, uri)) {
      request.header("Authorization", authorization.get());
    }
    try {
      return client.send(request.build(), HttpResponse.BodyHandlers.ofInputStream());
    } catch (IOException e) {
      throw new IOException(
          method.charAt(0)
              + method.substring(1).toLowerCase(Locale.ROOT)
              + " \""
              + shown(to)
              + "\": "
              + (e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage()),
          e);
    }
  }

  private static HttpRequest.BodyPublisher publisher(Body body) {
    return HttpRequest.BodyPublishers.fromPublisher(
        HttpRequest.BodyPublishers.ofInputStream(body.content()), body.length());
  }

  private static URI target(URI from, String location) throws IOException {
    try {
      URI to = from.resolve(location);
      String scheme = String.valueOf(to.getScheme());
      if (to.getHost() == null || !(scheme.equals("http") || scheme.equals("https"))) {
        throw new IOException("redirect to an unsupported address");
      }
      return to;
    } catch (IllegalArgumentException e) {
      throw new IOException("redirect to an invalid address", e);
    }
  }

  static boolean isSameOrigin(URI a, URI b) {
    return String.valueOf(a.getScheme()).equals(b.getScheme())
        && String.valueOf(a.getHost()).equalsIgnoreCase(b.getHost())
        && port(a) == port(b);
  }

  private static int port(URI uri) {
    return uri.getPort() >= 0 ? uri.getPort() : "https".equals(uri.getScheme()) ? 443 : 80;
  }

  /** An address as messages may tell it: what comes after the path is often a signature. */
  static String shown(URI uri) {
    String port = uri.getPort() < 0 ? "" : ":" + uri.getPort();
    return uri.getScheme() + "://" + uri.getHost() + port + uri.getRawPath();
  }

  /** Whether reading a body failed because the reader was interrupted, which the client hides. */
  public static boolean isInterrupt(IOException e) {
    for (Throwable t = e; t != null; t = t.getCause()) {
      if (t instanceof InterruptedException) {
        return true;
      }
    }
    return false;
  }
}
