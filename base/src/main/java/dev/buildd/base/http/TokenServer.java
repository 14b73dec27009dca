package dev.buildd.base.http;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.json.Json;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Asks the token servers of registries for tokens (distribution: token authentication, and its
 * variant by OAuth 2). Redirects are not followed: they would be given the credentials.
 *
 * @param client follows no redirects
 */
public record TokenServer(HttpClient client, Clock clock) {
  private static final String CLIENT_ID = "buildkit-client";
  private static final int MAX_ANSWER = 1 << 20;
  private static final Duration TIMEOUT = Duration.ofSeconds(60);
  private static final long DEFAULT_SECONDS = 60;

  /** What a token is for; {@code realm} is the server. */
  public record Request(String realm, String service, List<String> scopes) {
    public Request {
      scopes = List.copyOf(scopes);
    }
  }

  /**
   * How to say who asks.
   *
   * @param username empty if the secret is an identity token
   * @param secret empty for nobody
   */
  public record User(String username, String secret) {
    public static final User ANONYMOUS = new User("", "");

    @Override
    public String toString() {
      return "User[" + username + "]"; // the secret stays out of logs
    }
  }

  /** Which of two ways is tried first; not every server has both. */
  public enum First {
    GET,
    POST
  }

  /** The answer was no. */
  private static final class RefusedException extends Exception {
    private static final long serialVersionUID = 1L;
    final int status;

    RefusedException(String method, HttpUrl from, int status) {
      super(
          "failed to fetch oauth token: unexpected status from "
              + method
              + " request to "
              + from.shown()
              + ": "
              + status);
      this.status = status;
    }
  }

  /**
   * A token.
   *
   * @throws BuildException {@code PERMISSION_DENIED} if the server refuses
   * @throws IOException if it is not there or fails in passing
   */
  public Token fetch(Request request, User user, First first)
      throws IOException, InterruptedException {
    HttpUrl realm = realm(request.realm());
    boolean identity = user.username().isEmpty() && !user.secret().isEmpty();
    try {
      if (user.secret().isEmpty()) {
        return get(realm, request, user);
      }
      if (identity && first == First.GET) {
        return post(realm, request, user);
      }
      try {
        return first == First.GET ? get(realm, request, user) : post(realm, request, user);
      } catch (RefusedException e) {
        // Google's answers 404 to POST, Artifactory's 401, others 405
        boolean other =
            e.status == 404 || e.status == 401 || (e.status == 405 && !user.username().isEmpty());
        if (!other || identity) {
          throw e;
        }
        return first == First.GET ? post(realm, request, user) : get(realm, request, user);
      }
    } catch (RefusedException e) {
      if (e.status == 429 || e.status >= 500) {
        throw new IOException(e.getMessage(), e);
      }
      throw new BuildException(Category.PERMISSION_DENIED, String.valueOf(e.getMessage()), e);
    }
  }

  private static HttpUrl realm(String text) {
    try {
      HttpUrl realm = HttpUrl.parse(text);
      if (realm.userInfo().isEmpty()) {
        return realm;
      }
    } catch (IllegalArgumentException e) {
      // as if it were not there
    }
    throw new BuildException(Category.PERMISSION_DENIED, "invalid token realm");
  }

  private Token get(HttpUrl realm, Request request, User user)
      throws IOException, InterruptedException, RefusedException {
    String query =
        (request.service().isEmpty() ? "" : "service=" + encode(request.service()))
            + request.scopes().stream()
                .map(scope -> "&scope=" + encode(scope))
                .collect(Collectors.joining());
    Map<String, String> headers = new HashMap<>();
    if (!user.secret().isEmpty()) {
      String pair = user.username() + ":" + user.secret();
      headers.put(
          "Authorization",
          "Basic " + Base64.getEncoder().encodeToString(pair.getBytes(StandardCharsets.UTF_8)));
    }
    return send("GET", realm.withQuery(query), headers, Optional.empty());
  }

  private Token post(HttpUrl realm, Request request, User user)
      throws IOException, InterruptedException, RefusedException {
    String form =
        "client_id="
            + CLIENT_ID
            + (request.scopes().isEmpty()
                ? ""
                : "&scope=" + encode(String.join(" ", request.scopes())))
            + "&service="
            + encode(request.service())
            + (user.username().isEmpty()
                ? "&grant_type=refresh_token&refresh_token=" + encode(user.secret())
                : "&grant_type=password&username="
                    + encode(user.username())
                    + "&password="
                    + encode(user.secret()));
    byte[] bytes = form.getBytes(StandardCharsets.UTF_8);
    return send(
        "POST",
        realm,
        Map.of("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
        Optional.of(new HttpRequest.Body(() -> new ByteArrayInputStream(bytes), bytes.length)));
  }

  private Token send(
      String method, HttpUrl to, Map<String, String> headers, Optional<HttpRequest.Body> body)
      throws IOException, InterruptedException, RefusedException {
    Map<String, String> all = new HashMap<>(headers);
    all.put("User-Agent", HttpClient.USER_AGENT);
    HttpResponse response;
    try {
      response = client.send(new HttpRequest(method, to, all, Optional.of(TIMEOUT), body));
    } catch (IOException e) {
      String why = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
      throw new IOException(
          "failed to fetch oauth token: " + method + " " + to.host() + ": " + why, e);
    }
    try (InputStream in = response.body()) {
      byte[] answer = in.readNBytes(MAX_ANSWER);
      if (response.statusCode() != 200) {
        throw new RefusedException(method, to, response.statusCode());
      }
      return token(Json.parseObject(answer, "answer of the token server " + to.host()));
    }
  }

  private Token token(Map<String, Object> json) {
    String value = Json.text(json, "token");
    value = value.isEmpty() ? Json.text(json, "access_token") : value;
    if (value.isEmpty() || value.chars().anyMatch(c -> c < ' ' || c > '~')) {
      throw new BuildException(
          Category.PERMISSION_DENIED, "failed to fetch oauth token: no token in the answer");
    }
    long seconds = Json.number(json, "expires_in");
    Instant issued = issued(Json.text(json, "issued_at"));
    return new Token(value, issued, issued.plusSeconds(seconds <= 0 ? DEFAULT_SECONDS : seconds));
  }

  private Instant issued(String text) {
    try {
      return text.isEmpty() ? clock.instant() : Instant.parse(text);
    } catch (DateTimeParseException e) {
      return clock.instant();
    }
  }

  private static String encode(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }
}
