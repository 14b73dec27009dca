package dev.buildd.buildctl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.http.TlsSettings;
import dev.buildd.session.auth.AuthClient;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class DockerConfigTest {
  private static final String HUB = "https://index.docker.io/v1/";

  @TempDir Path temp;
  private final Map<String, String> environment = new HashMap<>();

  private DockerConfig config(String json) throws IOException {
    Files.writeString(temp.resolve("config.json"), json);
    return open(Clock.systemUTC());
  }

  private DockerConfig open(Clock clock) {
    environment.putIfAbsent("PATH", temp.resolve("bin") + ":" + System.getenv("PATH"));
    return new DockerConfig(temp, environment, clock);
  }

  private static String auth(String user, String secret) {
    return "{\"auth\":\""
        + Base64.getEncoder().encodeToString((user + ":" + secret).getBytes(StandardCharsets.UTF_8))
        + "\"}";
  }

  private static AuthClient.Credentials user(String name, String secret) {
    return new AuthClient.Credentials(name, secret);
  }

  @Test
  void findsWhatIsWrittenDown() throws Exception {
    DockerConfig config =
        config(
            "{\"auths\":{\"a:5000\":"
                + auth("alice", "p:w")
                + ",\"https://b.example/v1/\":"
                + auth("bob", "pw")
                + ",\""
                + HUB
                + "\":{\"identitytoken\":\"id\"}"
                + ",\"c\":{\"registrytoken\":\"reg\"}"
                + ",\"d\":{\"username\":\"dan\",\"password\":\"pw\"}"
                + ",\"bad\":{\"auth\":\"c2VjcmV0\"}}}");
    assertThat(config.credentials("a:5000")).isEqualTo(user("alice", "p:w"));
    assertThat(config.credentials("b.example")).isEqualTo(user("bob", "pw"));
    assertThat(config.credentials("registry-1.docker.io")).isEqualTo(user("", "id"));
    assertThat(config.token("c")).contains("reg");
    assertThat(config.token("a:5000")).isEmpty();
    assertThat(config.credentials("d")).isEqualTo(user("dan", "pw"));
    assertThat(config.credentials("a").isAnonymous()).isTrue();
    assertThatThrownBy(() -> config.credentials("bad"))
        .hasMessage("invalid auth configuration file");
  }

  @Test
  void environmentGoesFirst() throws Exception {
    environment.put("DOCKER_AUTH_CONFIG", "{\"auths\":{\"a\":" + auth("env", "pw") + "}}");
    DockerConfig config =
        config("{\"auths\":{\"a\":" + auth("file", "pw") + ",\"b\":" + auth("file", "pw") + "}}");
    assertThat(config.credentials("a")).isEqualTo(user("env", "pw"));
    assertThat(config.credentials("b")).isEqualTo(user("file", "pw"));
  }

  private void helper(String name, String script) throws IOException {
    Path file = Files.createDirectories(temp.resolve("bin")).resolve("docker-credential-" + name);
    Files.writeString(file, "#!/bin/sh\n" + script + "\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  @Test
  void helpersAreAsked() throws Exception {
    helper(
        "one",
        "read -r host; echo \"$1 $host\" >> \"$0.log\"; echo "
            + "'{\"ServerURL\":\"x\",\"Username\":\"u1\",\"Secret\":\"s1\"}'");
    helper("two", "echo '{\"Username\":\"<token>\",\"Secret\":\"id\"}'");
    helper("none", "echo 'credentials not found in native keychain'; exit 1");
    helper("broken", "echo 'no keyring'; exit 3");
    helper("odd", "echo hello");
    DockerConfig config =
        config(
            "{\"credsStore\":\"one\",\"credHelpers\":{\"b\":\"two\",\"c\":\"none\",\"d\":\"broken\","
                + "\"e\":\"missing\",\"f\":\"odd\"},\"auths\":{\"c\":"
                + auth("alice", "pw")
                + "}}");
    assertThat(config.credentials("a")).isEqualTo(user("u1", "s1"));
    assertThat(config.credentials("a")).isEqualTo(user("u1", "s1"));
    assertThat(config.credentials("registry-1.docker.io")).isEqualTo(user("u1", "s1"));
    assertThat(temp.resolve("bin/docker-credential-one.log")).hasContent("get a\nget " + HUB);
    assertThat(config.credentials("b")).isEqualTo(user("", "id"));
    assertThat(config.credentials("c").isAnonymous()).isTrue();
    assertThatThrownBy(() -> config.credentials("d"))
        .hasMessage("error getting credentials - err: exit status 3, out: `no keyring`");
    assertThatThrownBy(() -> config.credentials("e"))
        .hasMessageContaining("docker-credential-missing");
    assertThatThrownBy(() -> config.credentials("f"))
        .hasMessage("docker-credential-odd gave no JSON object");
  }

  @Test
  void helpersAreAskedAgainAfterAWhile() throws Exception {
    helper("one", "echo x >> \"$0.log\"; echo '{\"Username\":\"u\",\"Secret\":\"s\"}'");
    config("{\"credsStore\":\"one\"}");
    Instant[] now = {Instant.EPOCH};
    Clock clock =
        new Clock() {
          @Override
          public ZoneOffset getZone() {
            return ZoneOffset.UTC;
          }

          @Override
          public Clock withZone(java.time.ZoneId zone) {
            return this;
          }

          @Override
          public Instant instant() {
            return now[0];
          }
        };
    DockerConfig config = open(clock);
    config.credentials("a");
    now[0] = Instant.EPOCH.plus(Duration.ofSeconds(280));
    config.credentials("a");
    assertThat(Files.readAllLines(temp.resolve("bin/docker-credential-one.log"))).hasSize(1);
    now[0] = Instant.EPOCH.plus(Duration.ofMinutes(5));
    config.credentials("a");
    assertThat(Files.readAllLines(temp.resolve("bin/docker-credential-one.log"))).hasSize(2);
  }

  @Test
  void usualHelperIsTakenWhereNothingIsConfigured() throws Exception {
    helper("secretservice", "echo '{\"Username\":\"keyring\",\"Secret\":\"s\"}'");
    environment.put("PATH", temp.resolve("bin").toString());
    assertThat(open(Clock.systemUTC()).credentials("a")).isEqualTo(user("keyring", "s"));
    assertThat(config("{\"auths\":{\"x\":{}}}").credentials("a").isAnonymous()).isTrue();
  }

  @Test
  void tlsOfTokenServers() {
    assertThat(
            RegistryAuthTls.parse(
                List.of(
                    "host=https://a:2376,insecure=false,ca=/ca,cert=/cert,key=/key",
                    "host=a:2376,ca=/ca2",
                    "host=b,insecure=true")))
        .containsOnly(
            Map.entry(
                "a:2376",
                new TlsSettings(
                    false,
                    List.of(Path.of("/ca"), Path.of("/ca2")),
                    List.of(new TlsSettings.KeyPair(Path.of("/key"), Path.of("/cert"))))),
            Map.entry("b", new TlsSettings(true, List.of(), List.of())));
    assertThatThrownBy(() -> RegistryAuthTls.parse(List.of("ca=/ca")))
        .hasMessage("--registry-auth-tlscontext requires host=<host>");
    assertThatThrownBy(() -> RegistryAuthTls.parse(List.of("host=a")))
        .hasMessageContaining("requires ca=<ca> or cert=<cert>,key=<key> or insecure=true");
    assertThatThrownBy(() -> RegistryAuthTls.parse(List.of("host=a,ca=/ca,cert=/cert")))
        .hasMessage("--registry-auth-tlscontext requires cert=<cert>,key=<key>");
  }
}
