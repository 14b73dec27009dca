package dev.buildd.buildctl;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.ProgramPath;
import dev.buildd.gateway.JsonValues;
import dev.buildd.session.auth.AuthClient;
import dev.buildd.session.auth.AuthProvider;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Credentials as Docker keeps them: in {@code config.json}, with the helpers it names, and in
 * {@code DOCKER_AUTH_CONFIG}.
 *
 * <p>Safe for use by many threads.
 */
final class DockerConfig implements AuthProvider.Store {
  private static final String HUB = "https://index.docker.io/v1/";
  // some helpers give what is good for five minutes
  private static final Duration KEPT = Duration.ofMinutes(4).plusSeconds(50);

  private final Path directory;
  private final Map<String, String> environment;
  private final Clock clock;
  private final Map<String, Found> known = new HashMap<>(); // guarded by this

  /** What is known of one registry. */
  private record Found(AuthClient.Credentials credentials, Optional<String> token, Instant since) {}

  DockerConfig(Path directory, Map<String, String> environment, Clock clock) {
    this.directory = directory;
    this.environment = Map.copyOf(environment);
    this.clock = clock;
  }

  static DockerConfig standard() {
    String directory = System.getenv("DOCKER_CONFIG");
    return new DockerConfig(
        directory == null || directory.isEmpty()
            ? Path.of(System.getProperty("user.home", "/"), ".docker")
            : Path.of(directory),
        System.getenv(),
        Clock.systemUTC());
  }

  Path directory() {
    return directory;
  }

  @Override
  public AuthClient.Credentials credentials(String host) throws IOException {
    return found(host).credentials;
  }

  @Override
  public Optional<String> token(String host) throws IOException {
    return found(host).token;
  }

  // one helper at a time: some ask the user
  private synchronized Found found(String host) throws IOException {
    Found before = known.get(host);
    if (before != null && before.since.plus(KEPT).isAfter(clock.instant())) {
      return before;
    }
    Found found = find(host.equals("registry-1.docker.io") ? HUB : host);
    known.put(host, found);
    return found;
  }

  private Found find(String key) throws IOException {
    Optional<Map<String, @Nullable Object>> given =
        entry(
            auths(JsonValues.object(environment.getOrDefault("DOCKER_AUTH_CONFIG", ""))),
            key,
            true);
    if (given.isPresent()) {
      return ofEntry(given.get());
    }
    Path file = directory.resolve("config.json");
    Optional<Map<String, @Nullable Object>> config =
        Files.isRegularFile(file) ? JsonValues.object(Files.readString(file)) : Optional.empty();
    String helper = helper(config, key);
    if (!helper.isEmpty()) {
      return found(new CredentialHelper(helper, environment).get(key), Optional.empty());
    }
    return entry(auths(config), key, false)
        .map(this::ofEntry)
        .orElseGet(() -> found(AuthClient.Credentials.ANONYMOUS, Optional.empty()));
  }

  private Found found(AuthClient.Credentials credentials, Optional<String> token) {
    return new Found(credentials, token, clock.instant());
  }

  private String helper(Optional<Map<String, @Nullable Object>> config, String key) {
    Map<String, @Nullable Object> helpers =
        config.flatMap(c -> JsonValues.asObject(c.get("credHelpers"))).orElse(Map.of());
    if (helpers.containsKey(key)) {
      return JsonValues.asText(helpers.get(key));
    }
    String store = config.map(c -> JsonValues.asText(c.get("credsStore"))).orElse("");
    boolean silent =
        store.isEmpty() && helpers.isEmpty() && auths(config).isEmpty(); // nothing is configured
    return silent ? CredentialHelper.usual(environment) : store;
  }

  private static Map<String, @Nullable Object> auths(
      Optional<Map<String, @Nullable Object>> config) {
    return config.flatMap(c -> JsonValues.asObject(c.get("auths"))).orElse(Map.of());
  }

  private static Optional<Map<String, @Nullable Object>> entry(
      Map<String, @Nullable Object> auths, String key, boolean exactly) {
    Optional<Map<String, @Nullable Object>> exact = JsonValues.asObject(auths.get(key));
    if (exact.isPresent() || exactly) {
      return exact;
    }
    // as they were written when registries had addresses
    return auths.keySet().stream()
        .filter(name -> hostOf(name).equals(key))
        .findFirst()
        .flatMap(name -> JsonValues.asObject(auths.get(name)));
  }

  private static String hostOf(String address) {
    String rest = address.replaceFirst("^https?://", "");
    int slash = rest.indexOf('/');
    return slash < 0 ? rest : rest.substring(0, slash);
  }

  private Found ofEntry(Map<String, @Nullable Object> entry) {
    String token = JsonValues.asText(entry.get("registrytoken"));
    return found(credentials(entry), token.isEmpty() ? Optional.empty() : Optional.of(token));
  }

  private static AuthClient.Credentials credentials(Map<String, @Nullable Object> entry) {
    String token = JsonValues.asText(entry.get("identitytoken"));
    if (!token.isEmpty()) {
      return new AuthClient.Credentials("", token);
    }
    String auth = JsonValues.asText(entry.get("auth"));
    if (auth.isEmpty()) {
      return new AuthClient.Credentials(
          JsonValues.asText(entry.get("username")), JsonValues.asText(entry.get("password")));
    }
    try {
      String pair = new String(Base64.getDecoder().decode(auth), StandardCharsets.UTF_8);
      int colon = pair.indexOf(':');
      if (colon > 0) {
        return new AuthClient.Credentials(pair.substring(0, colon), pair.substring(colon + 1));
      }
    } catch (IllegalArgumentException e) {
      // as if there was no colon
    }
    throw invalid();
  }

  private static BuildException invalid() {
    // what is wrong with it would tell a secret
    return new BuildException(Category.INVALID_ARGUMENT, "invalid auth configuration file");
  }

  /** A program that keeps credentials: {@code docker-credential-NAME}. */
  private record CredentialHelper(String name, Map<String, String> environment) {
    private static final String PREFIX = "docker-credential-";

    /** The one that Docker takes if nobody has said anything. */
    static String usual(Map<String, String> environment) {
      String name = ProgramPath.find("pass", environment).isPresent() ? "pass" : "secretservice";
      return ProgramPath.find(PREFIX + name, environment).isPresent() ? name : "";
    }

    AuthClient.Credentials get(String host) throws IOException {
      Path program =
          ProgramPath.find(PREFIX + name, environment)
              .orElseThrow(() ->
                  new IOException(
                      "error getting credentials - err: exec: \""
                          + PREFIX
                          + name
                          + "\": executable file not found in $PATH"));
      Process process =
          new ProcessBuilder(program.toString(), "get")
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start();
      try {
        try (OutputStream to = process.getOutputStream()) {
          to.write(host.getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
          // it has not waited for the question; its answer says why
        }
        String answer =
            new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        int status = process.waitFor();
        if (status == 0) {
          return credentials(answer);
        }
        if (answer.contains("credentials not found")) {
          return AuthClient.Credentials.ANONYMOUS;
        }
        throw new IOException(
            "error getting credentials - err: exit status " + status + ", out: `" + answer + "`");
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IOException("interrupted while asking " + PREFIX + name, e);
      } finally {
        process.destroy();
      }
    }

    private AuthClient.Credentials credentials(String answer) throws IOException {
      Map<String, @Nullable Object> found =
          JsonValues.object(answer)
              .orElseThrow(() -> new IOException(PREFIX + name + " gave no JSON object"));
      String username = JsonValues.asText(found.get("Username"));
      return new AuthClient.Credentials(
          username.equals("<token>") ? "" : username, JsonValues.asText(found.get("Secret")));
    }
  }
}
