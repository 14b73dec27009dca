package dev.buildd.cache.registry;

import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends requests for one use of a repository: with the authorization that each endpoint asks for,
 * and again if they failed in passing.
 *
 * <p>Safe for use by many threads.
 */
final class Requests {
  private static final Logger log = LoggerFactory.getLogger(Requests.class);
  private static final int MAX_ERROR = 8 << 10;
  private static final int MAX_REFUSALS = 3;
  private static final long MAX_RETRY_AFTER_SECONDS = 60;
  private static final Duration TIMEOUT = Duration.ofSeconds(60);

  /** How often a request is sent before its failure counts. */
  static final int TRIES = 5;

  private final CredentialSource credentials;
  private final RegistrySettings settings;
  private final String scope;
  private final Map<RegistryClient.Endpoint, Authorization> authorizations =
      new ConcurrentHashMap<>();

  /**
   * @param scope of the token to ask for where the registry does not say
   */
  Requests(CredentialSource credentials, RegistrySettings settings, String scope) {
    this.credentials = credentials;
    this.settings = settings;
    this.scope = scope;
  }

  /**
   * One request.
   *
   * @param patient whether the answer may take as long as it takes, because a body is sent first
   * @param accepted the statuses that are no failure
   */
  record Request(
      String method,
      URI uri,
      Map<String, String> headers,
      Optional<HttpExchange.Body> body,
      boolean patient,
      Set<Integer> accepted) {

    static Request of(String method, URI uri, Map<String, String> headers, Integer... accepted) {
      return new Request(method, uri, headers, Optional.empty(), false, Set.of(accepted));
    }
  }

  /** Sends a request, with another authorization if it is refused. */
  HttpResponse<InputStream> send(RegistryClient.Endpoint endpoint, Request request)
      throws Exception {
    Authorization authorization =
        authorizations.computeIfAbsent(endpoint, e -> new Authorization(e, credentials, scope));
    for (int refusals = 0; ; refusals++) {
      Optional<String> header =
          HttpExchange.isSameOrigin(URI.create(endpoint.base()), request.uri)
              ? authorization.header()
              : Optional.empty();
      HttpResponse<InputStream> response = follow(endpoint, request, header);
      int status = response.statusCode();
      if (request.accepted.contains(status)) {
        return response;
      }
      String body;
      try (InputStream in = response.body()) {
        body = new String(in.readNBytes(MAX_ERROR), StandardCharsets.UTF_8);
      }
      List<String> challenges = response.headers().allValues("WWW-Authenticate");
      if (status != 401 || refusals >= MAX_REFUSALS || !authorization.answer(challenges, header)) {
        throw new StatusException(
            status,
            retryAfter(response),
            "unexpected status from "
                + request.method
                + " request to "
                + request.uri
                + ": "
                + status
                + detail(body));
      }
    }
  }

  /** Sends a request without any authorization of its own. */
  static HttpResponse<InputStream> follow(
      RegistryClient.Endpoint endpoint, Request request, Optional<String> authorization)
      throws IOException, InterruptedException {
    Map<String, String> all = new HashMap<>(request.headers);
    all.put("User-Agent", HttpExchange.USER_AGENT);
    try {
      return new HttpExchange(
              request.method,
              request.uri,
              all,
              authorization,
              request.patient ? Optional.empty() : Optional.of(TIMEOUT),
              request.body)
          .send(endpoint.client());
    } catch (IOException e) {
      throw new IOException("failed to do request: " + e.getMessage(), e);
    }
  }

  /** Makes attempts until one succeeds or fails for good, with longer and longer pauses. */
  <T> T retried(String what, int tries, Callable<T> attempt) throws Exception {
    long pause = settings.firstPause().toMillis();
    for (int i = 1; ; i++) {
      Exception failure;
      long wait = pause;
      try {
        return attempt.call();
      } catch (StatusException e) {
        if (!e.isPassing()) {
          throw e;
        }
        wait = Math.max(pause, TimeUnit.SECONDS.toMillis(e.retryAfterSeconds));
        failure = e;
      } catch (IOException e) {
        if (Thread.interrupted() || HttpExchange.isInterrupt(e)) {
          throw new InterruptedException();
        }
        if (isRefused(e)) {
          throw e; // nobody is there, nor will be in a few seconds
        }
        failure = e;
      }
      if (i >= tries) {
        throw failure;
      }
      log.info("registry request tried again what={} error=\"{}\"", what, failure.toString());
      Thread.sleep(wait);
      pause *= 2;
    }
  }

  private static boolean isRefused(IOException e) {
    for (Throwable t = e; t != null; t = t.getCause()) {
      if (t instanceof ConnectException) {
        return true;
      }
    }
    return false;
  }

  private static String detail(String body) {
    String line = body.strip().replaceAll("\\s+", " ");
    return line.isEmpty() ? "" : ": " + (line.length() > 300 ? line.substring(0, 300) : line);
  }

  private static long retryAfter(HttpResponse<InputStream> response) {
    try {
      long seconds = response.headers().firstValueAsLong("Retry-After").orElse(0);
      return Math.min(Math.max(seconds, 0), MAX_RETRY_AFTER_SECONDS);
    } catch (NumberFormatException e) {
      return 0; // a date
    }
  }
}
