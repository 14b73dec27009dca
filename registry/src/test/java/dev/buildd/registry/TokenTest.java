package dev.buildd.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.MediaType;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.http.Token;
import dev.buildd.registry.auth.CredentialSource;
import dev.buildd.registry.auth.Credentials;
import dev.buildd.registry.auth.Scopes;
import java.io.OutputStream;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Tokens that users fetch, and who gets which. */
@Timeout(30)
final class TokenTest {
  private static final Descriptor BLOB =
      Descriptor.of(MediaType.OCI_LAYER, Digest.of("blob"), "blob".length());

  private volatile Instant now = Instant.EPOCH;
  private final List<String> fetched = Collections.synchronizedList(new ArrayList<>());
  private final Map<String, Boolean> refused = new ConcurrentHashMap<>();
  private FakeRegistry registry;
  private RegistryClient client;

  @BeforeEach
  void start() throws Exception {
    Clock clock =
        new Clock() {
          @Override
          public ZoneId getZone() {
            return ZoneId.of("UTC");
          }

          @Override
          public Clock withZone(ZoneId zone) {
            return this;
          }

          @Override
          public Instant instant() {
            return now;
          }
        };
    client = new RegistryClient(new RegistrySettings(Map.of(), Duration.ofMillis(5)), clock);
    registry = new FakeRegistry();
    registry.fault =
        request -> {
          String authorization = FakeRegistry.authorization(request);
          if (authorization.startsWith("Bearer ") && !refused.containsKey(authorization)) {
            FakeRegistry.answer(request, 200, "blob");
            return true;
          }
          request
              .getResponseHeaders()
              .set(
                  "WWW-Authenticate",
                  "Bearer realm=\"https://tokens/x\",service=\"s\",scope=\"repository:a/b:pull\"");
          FakeRegistry.answer(request, 401, "");
          return true;
        };
  }

  @AfterEach
  void stop() {
    registry.close();
  }

  /** Fetches tokens that name their user, and tells no password. */
  private CredentialSource user(String name) {
    return new CredentialSource() {
      @Override
      public Optional<Credentials> credentials(String host) {
        throw new AssertionError("credentials are not needed");
      }

      @Override
      public Optional<TokenFetcher> tokens(String host) {
        return Optional.of(
            new TokenFetcher() {
              @Override
              public String user() {
                return name;
              }

              @Override
              public Token fetch(String realm, String service, List<String> scopes) {
                fetched.add(name + " " + realm + " " + service + " " + scopes);
                return new Token(name + fetched.size(), now, now.plus(Duration.ofMinutes(5)));
              }
            });
      }
    };
  }

  private void read(Repository repository) throws Exception {
    repository.blob(BLOB, OutputStream.nullOutputStream(), n -> {});
  }

  private Repository open(String user, String repository) {
    return client.open(ImageReference.parse(registry.host() + "/" + repository), user(user));
  }

  private String lastAuthorization() {
    return registry.requests.getLast().replaceAll(".* \\[(.*)]", "$1");
  }

  @Test
  void tokenServesItsUserAgainAndNobodyElse() throws Exception {
    read(open("alice", "a/b"));
    assertThat(fetched).containsExactly("alice https://tokens/x s [repository:a/b:pull]");
    read(open("alice", "a/b"));
    assertThat(fetched).hasSize(1);
    assertThat(lastAuthorization()).isEqualTo("Bearer alice1");
    read(open("bob", "a/b"));
    assertThat(lastAuthorization()).isEqualTo("Bearer bob2");
    read(open("alice", "a/b"));
    assertThat(lastAuthorization()).isEqualTo("Bearer alice1");
    assertThat(fetched).hasSize(2);
  }

  @Test
  void tokenIsForItsScopesOnly() throws Exception {
    read(open("alice", "a/b"));
    read(open("alice", "c/d"));
    assertThat(fetched.getLast())
        .isEqualTo("alice https://tokens/x s [repository:a/b:pull, repository:c/d:pull]");
  }

  @Test
  void tokenIsRenewedBeforeItEnds() throws Exception {
    Repository repository = open("alice", "a/b");
    read(repository);
    now = Instant.EPOCH.plusSeconds(269);
    read(repository);
    assertThat(fetched).hasSize(1);
    now = Instant.EPOCH.plusSeconds(271);
    read(repository); // nothing is refused for it
    assertThat(fetched).hasSize(2);
    assertThat(registry.requests.stream().filter(r -> r.endsWith(" []"))).hasSize(1);
    read(open("alice", "a/b"));
    assertThat(lastAuthorization()).isEqualTo("Bearer alice2");
  }

  @Test
  void refusedTokenIsNotKept() throws Exception {
    read(open("alice", "a/b"));
    refused.put("Bearer alice1", true);
    read(open("alice", "a/b"));
    assertThat(lastAuthorization()).isEqualTo("Bearer alice2");
    read(open("alice", "a/b"));
    assertThat(fetched).hasSize(2);
  }

  @Test
  void userThatIsRefusedIsTold() {
    CredentialSource locked =
        new CredentialSource() {
          @Override
          public Optional<Credentials> credentials(String host) {
            return Optional.empty();
          }

          @Override
          public Optional<TokenFetcher> tokens(String host) {
            throw new BuildException(
                Category.PERMISSION_DENIED, "failed to fetch oauth token: 401");
          }
        };
    assertThatThrownBy(
            () -> read(client.open(ImageReference.parse(registry.host() + "/a/b"), locked)))
        .hasMessageStartingWith(registry.host() + "/a/b:latest: ")
        .hasMessageEndingWith(": failed to authorize: failed to fetch oauth token: 401");
  }

  @Test
  void scopesAreWrittenInOneWay() {
    assertThat(Scopes.parse("repository:b:push,pull  repository:a:pull").toString())
        .isEqualTo("repository:a:pull repository:b:pull,push");
    assertThat(Scopes.parse("repository:a:pull").and(Scopes.parse("repository:a:push,pull x")))
        .isEqualTo(Scopes.parse("x repository:a:push,pull"));
    assertThat(Scopes.parse("repository:host:5000/a:pull").all())
        .containsExactly("repository:host:5000/a:pull");
    assertThat(Scopes.parse("").all()).isEmpty();
  }
}
