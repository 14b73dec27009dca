package dev.buildd.registry;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.http.HttpClient;
import dev.buildd.base.http.HttpExchange;
import dev.buildd.base.http.HttpRequest;
import dev.buildd.base.http.HttpResponse;
import dev.buildd.base.http.HttpUrl;
import dev.buildd.base.json.Json;
import dev.buildd.registry.auth.Authorization;
import dev.buildd.registry.auth.CredentialSource;
import dev.buildd.registry.auth.Scopes;
import dev.buildd.registry.auth.TokenCache;
import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
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
  private final TokenCache tokens;
  private final Scopes scopes;
  private final Map<RegistryClient.Endpoint, Authorization> authorizations =
      new ConcurrentHashMap<>();

  /**
   * @param scopes of the token to ask for where the registry does not say
   */
  Requests(
      CredentialSource credentials, RegistrySettings settings, TokenCache tokens, Scopes scopes) {
    this.credentials = credentials;
    this.settings = settings;
    this.tokens = tokens;
    this.scopes = scopes;
  }

  /**
   * One request.
   *
   * @param patient whether the answer may take as long as it takes, because a body is sent first
   * @param accepted the statuses that are no failure
   */
  record Request(
      String method,
      HttpUrl url,
      Map<String, String> headers,
      Optional<HttpRequest.Body> body,
      boolean patient,
      Set<Integer> accepted) {

    static Request of(
        String method, HttpUrl url, Map<String, String> headers, Integer... accepted) {
      return new Request(method, url, headers, Optional.empty(), false, Set.of(accepted));
    }
  }

  /** Sends a request, with another authorization if it is refused. */
  HttpResponse send(RegistryClient.Endpoint endpoint, Request request) throws Exception {
    Authorization authorization =
        authorizations.computeIfAbsent(
            endpoint, e -> new Authorization(e.peer(), credentials, tokens, scopes));
    HttpUrl base = HttpUrl.parse(endpoint.base());
    for (int refusals = 0; ; refusals++) {
      Optional<String> header =
          base.isSameOrigin(request.url) ? authorization.header() : Optional.empty();
      HttpResponse response = follow(endpoint, request, header);
      int status = response.statusCode();
      if (request.accepted.contains(status)) {
        return response;
      }
      String body;
      try (InputStream in = response.body()) {
        body = new String(in.readNBytes(MAX_ERROR), StandardCharsets.UTF_8);
      }
      List<String> challenges = response.headers().allValues("WWW-Authenticate");
      // a host that the registry only led to may ask for what it likes
      boolean askedByRegistry = status == 401 && base.isSameOrigin(response.url());
      if (!askedByRegistry
          || refusals >= MAX_REFUSALS
          || !authorization.answer(challenges, header)) {
        throw new StatusException(
            status,
            retryAfter(response),
            "unexpected status from "
                + request.method
                + " request to "
                + request.url.shown()
                + ": "
                + status
                + detail(body, header));
      }
    }
  }

  /** Sends a request without any authorization of its own. */
  static HttpResponse follow(
      RegistryClient.Endpoint endpoint, Request request, Optional<String> authorization)
      throws IOException, InterruptedException {
    Map<String, String> all = new HashMap<>(request.headers);
    all.put("User-Agent", HttpClient.USER_AGENT);
    try {
      return new HttpExchange(
              request.method,
              request.url,
              all,
              authorization,
              request.patient ? Optional.empty() : Optional.of(TIMEOUT),
              request.body)
          .send(endpoint.client());
    } catch (IOException e) {
      throw new IOException("failed to do request: " + e.getMessage(), e);
    }
  }

  Duration patience() {
    return settings.patience();
  }

  /** Makes attempts until one succeeds or fails for good, with longer and longer pauses. */
  <T> T retried(String what, int tries, Callable<T> attempt) throws Exception {
    return retried(what, tries, () -> 0, attempt);
  }

  /**
   * As above, but attempts are counted anew when one has brought something.
   *
   * @param progress grows with what attempts have brought
   */
  <T> T retried(String what, int tries, LongSupplier progress, Callable<T> attempt)
      throws Exception {
    long pause = settings.firstPause().toMillis();
    long reached = progress.getAsLong();
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
        if (Thread.interrupted() || HttpClient.isInterrupt(e)) {
          throw new InterruptedException();
        }
        if (isRefused(e)) {
          throw e; // nobody is there, nor will be in a few seconds
        }
        failure = e;
      }
      if (progress.getAsLong() > reached) {
        reached = progress.getAsLong();
        i = 1;
        pause = settings.firstPause().toMillis();
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
      if (t instanceof ConnectException || t instanceof UnknownHostException) {
        return true;
      }
    }
    return false;
  }

  /** What the registry says of its refusal, which must not give away what it was sent. */
  private static String detail(String body, Optional<String> header) {
    String said = errors(body).orElse(body);
    if (header.isPresent()) {
      String secret = header.get().substring(header.get().indexOf(' ') + 1);
      said = said.replace(secret, "[redacted]");
    }
    String line = said.strip().replaceAll("\\s+", " ");
    return line.isEmpty() ? "" : ": " + (line.length() > 300 ? line.substring(0, 300) : line);
  }

  /** The errors of an answer in the form that the distribution-spec gives them. */
  private static Optional<String> errors(String body) {
    if (!body.startsWith("{")) {
      return Optional.empty();
    }
    try {
      Map<String, Object> json =
          Json.parseObject(body.getBytes(StandardCharsets.UTF_8), "error of a registry");
      List<String> out = new ArrayList<>();
      for (Map<String, Object> error : Json.objects(json, "errors")) {
        out.add(
            Stream.of(Json.text(error, "code"), Json.text(error, "message"))
                .filter(text -> !text.isEmpty())
                .collect(Collectors.joining(": ")));
      }
      return out.isEmpty() ? Optional.empty() : Optional.of(String.join("; ", out));
    } catch (BuildException e) {
      return Optional.empty(); // something else that begins with a brace
    }
  }

  private static long retryAfter(HttpResponse response) {
    try {
      long seconds = response.headers().firstValueAsLong("Retry-After").orElse(0);
      return Math.min(Math.max(seconds, 0), MAX_RETRY_AFTER_SECONDS);
    } catch (NumberFormatException e) {
      return 0; // a date
    }
  }
}
