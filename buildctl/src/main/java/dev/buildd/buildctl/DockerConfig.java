package dev.buildd.buildctl;

import dev.buildd.gateway.Json;
import dev.buildd.session.auth.AuthClient;
import dev.buildd.session.auth.AuthProvider;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Credentials as Docker keeps them in {@code config.json}. */
final class DockerConfig implements AuthProvider.Store {
  private static final String HUB = "https://index.docker.io/v1/";

  private final Path file;

  private DockerConfig(Path file) {
    this.file = file;
  }

  static DockerConfig standard() {
    String directory = System.getenv("DOCKER_CONFIG");
    return new DockerConfig(
        (directory == null
                ? Path.of(System.getProperty("user.home", "/"), ".docker")
                : Path.of(directory))
            .resolve("config.json"));
  }

  @Override
  public AuthClient.Credentials credentials(String host) throws IOException {
    if (!Files.isRegularFile(file)) {
      return AuthClient.Credentials.ANONYMOUS;
    }
    Map<String, @Nullable Object> auths =
        Json.object(Files.readString(file))
            .flatMap(config -> Json.asObject(config.get("auths")))
            .orElse(Map.of());
    String key = host.equals("registry-1.docker.io") ? HUB : host;
    for (String name : new String[] {key, "https://" + key, "http://" + key}) {
      Optional<Map<String, @Nullable Object>> entry = Json.asObject(auths.get(name));
      if (entry.isPresent()) {
        return credentials(entry.get());
      }
    }
    return AuthClient.Credentials.ANONYMOUS;
  }

  private static AuthClient.Credentials credentials(Map<String, @Nullable Object> entry) {
    String token = Json.asText(entry.get("identitytoken"));
    if (!token.isEmpty()) {
      return new AuthClient.Credentials("", token);
    }
    String auth = Json.asText(entry.get("auth"));
    if (auth.isEmpty()) {
      return new AuthClient.Credentials(
          Json.asText(entry.get("username")), Json.asText(entry.get("password")));
    }
    String pair = new String(Base64.getDecoder().decode(auth), StandardCharsets.UTF_8);
    int colon = pair.indexOf(':');
    return colon < 0
        ? AuthClient.Credentials.ANONYMOUS
        : new AuthClient.Credentials(pair.substring(0, colon), pair.substring(colon + 1));
  }
}
