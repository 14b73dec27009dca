package dev.buildd.cache.registry;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.json.Json;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The {@code Authorization} header for one repository at one endpoint: HTTP basic, or a bearer
 * token fetched from where the registry says (distribution-spec, token authentication).
 */
final class Authorization {
  private static final Pattern PARAMETER =
      Pattern.compile("([a-zA-Z_-]+)=(?:\"((?:[^\"\\\\]|\\\\.)*)\"|([^\\s,\"]+))");
  private static final int MAX_TOKEN_ANSWER = 1 << 20;
  private static final Duration TIMEOUT = Duration.ofSeconds(60);

  private final RegistryClient.Endpoint endpoint;
  private final CredentialSource source;
  private Scopes scopes; // guarded by this
  private @Nullable String header; // guarded by this

  Authorization(RegistryClient.Endpoint endpoint, CredentialSource source, Scopes scopes) {
    this.endpoint = endpoint;
    this.source = source;
    this.scopes = scopes;
  }

  synchronized Optional<String> header() {
    return Optional.ofNullable(header);
  }

  /**
   * Answers a refusal.
   *
   * @return whether there is anything new to try
   */
  boolean answer(List<String> challenges, Optional<String> tried) throws Exception {
    synchronized (this) {
      if (header != null && !Optional.of(header).equals(tried)) {
        return true; // another request has been refused too, and has a token by now
      }
    }
    Optional<Credentials> credentials = source.credentials(endpoint.host());
    String found = null;
    for (String challenge : challenges) {
      String kind = challenge.split(" ", 2)[0].toLowerCase(Locale.ROOT);
      if (kind.equals("bearer")) {
        found = "Bearer " + token(parameters(challenge), credentials);
        break;
      }
      if (kind.equals("basic") && credentials.isPresent()) {
        found = basic(credentials.get());
      }
    }
    synchronized (this) {
      boolean fresh = found != null && !Optional.of(found).equals(tried);
      header = found;
      return fresh;
    }
  }

  private static String basic(Credentials credentials) {
    String text = credentials.username() + ":" + credentials.secret();
    return "Basic " + Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
  }

  static Map<String, String> parameters(String challenge) {
    Map<String, String> out = new HashMap<>();
    Matcher matcher = PARAMETER.matcher(challenge);
    while (matcher.find()) {
      String value = matcher.group(2) == null ? matcher.group(3) : matcher.group(2);
      out.put(matcher.group(1).toLowerCase(Locale.ROOT), value.replaceAll("\\\\(.)", "$1"));
    }
    return out;
  }

  private String token(Map<String, String> challenge, Optional<Credentials> credentials)
      throws IOException, InterruptedException {
    String realm = challenge.getOrDefault("realm", "");
    URI uri;
    try {
      uri = URI.create(realm);
    } catch (IllegalArgumentException e) {
      throw denied("invalid token realm");
    }
    String scheme = String.valueOf(uri.getScheme());
    boolean secure = scheme.equals("https");
    if ((!secure && !scheme.equals("http")) || uri.getHost() == null) {
      throw denied("invalid token realm");
    }
    if (!secure && credentials.isPresent() && endpoint.base().startsWith("https:")) {
      throw denied("registry asks to send credentials in the clear");
    }
    Scopes wanted = wanted(challenge.getOrDefault("scope", ""));
    HttpRequest.Builder request;
    if (credentials.isPresent() && credentials.get().username().isEmpty()) {
      String form =
          "grant_type=refresh_token&client_id=buildkit-client&service="
              + encode(challenge.getOrDefault("service", ""))
              + "&scope="
              + encode(wanted.toString())
              + "&refresh_token="
              + encode(credentials.get().secret());
      request =
          HttpRequest.newBuilder(uri)
              .header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
              .POST(HttpRequest.BodyPublishers.ofString(form));
    } else {
      String query =
          "service="
              + encode(challenge.getOrDefault("service", ""))
              + wanted.all().stream()
                  .map(scope -> "&scope=" + encode(scope))
                  .collect(Collectors.joining());
      request =
          HttpRequest.newBuilder(URI.create(realm + (realm.indexOf('?') < 0 ? "?" : "&") + query));
      credentials.ifPresent(c -> request.header("Authorization", basic(c)));
    }
    HttpResponse<InputStream> response =
        endpoint
            .client()
            .send(
                request.timeout(TIMEOUT).header("User-Agent", HttpExchange.USER_AGENT).build(),
                HttpResponse.BodyHandlers.ofInputStream());
    try (InputStream body = response.body()) {
      byte[] answer = body.readNBytes(MAX_TOKEN_ANSWER);
      int status = response.statusCode();
      if (status == 429 || status >= 500) {
        throw new IOException(
            "failed to fetch oauth token: unexpected status from GET request to "
                + realm
                + ": "
                + status);
      }
      if (status != 200) {
        throw denied("failed to fetch oauth token: unexpected status: " + status);
      }
      Map<String, Object> json = Json.parseObject(answer, "token of " + endpoint.host());
      String token = Json.text(json, "token");
      token = token.isEmpty() ? Json.text(json, "access_token") : token;
      if (token.isEmpty() || token.chars().anyMatch(c -> c < ' ' || c > '~')) {
        throw denied("failed to fetch oauth token: no token in the answer");
      }
      return token;
    }
  }

  /**
   * What the next token is for: never less than the last, or two requests that want different
   * things would go on taking each other's token away.
   */
  private synchronized Scopes wanted(String asked) {
    if (!asked.isEmpty()) {
      // a mirror has names of its own
      boolean named = endpoint.mirrored().isPresent() && header == null;
      scopes = named ? Scopes.parse(asked) : scopes.and(Scopes.parse(asked));
    }
    return scopes;
  }

  private static BuildException denied(String why) {
    return new BuildException(Category.PERMISSION_DENIED, "failed to authorize: " + why);
  }

  private static String encode(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }
}
