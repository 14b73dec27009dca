package dev.buildd.base.http;

import dev.buildd.base.concurrent.Threads;
import java.net.http.HttpClient;
import java.time.Duration;

/** Makes clients for HTTP, and says what they call themselves. */
public final class HttpClients {
  /** The header {@code User-Agent} of all requests. */
  public static final String USER_AGENT = "buildkit/v0.32";

  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(30);

  private HttpClients() {}

  /**
   * A client that heeds the proxies of the environment, follows no redirects and keeps to HTTP/1.1,
   * whose transfers need no window of ours.
   *
   * @param name of its threads
   */
  public static HttpClient.Builder builder(String name) {
    return HttpClient.newBuilder()
        .version(HttpClient.Version.HTTP_1_1)
        .followRedirects(HttpClient.Redirect.NEVER)
        .connectTimeout(CONNECT_TIMEOUT)
        .proxy(new EnvironmentProxies(System.getenv()))
        .executor(Threads.perTask(name));
  }
}
