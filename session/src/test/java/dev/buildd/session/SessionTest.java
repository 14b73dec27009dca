package dev.buildd.session;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.session.auth.AuthClient;
import dev.buildd.session.auth.AuthProvider;
import dev.buildd.session.secrets.Secrets;
import dev.buildd.session.secrets.SecretsProvider;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse;
import io.grpc.health.v1.HealthGrpc;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class SessionTest {
  @Test
  void daemonAsksTheClient() throws Exception {
    SecretsProvider secrets =
        new SecretsProvider(SecretsProvider.Store.of(Map.of("token", "s3cret".getBytes(UTF_8))));
    AuthProvider auth =
        new AuthProvider(host ->
            host.equals("example.com")
                ? new AuthClient.Credentials("me", "pw")
                : AuthClient.Credentials.ANONYMOUS);
    try (Wired wired = new Wired();
        ClientSession client = wired.client(secrets, auth)) {
      Session session = wired.session(client);
      assertThat(session.sharedKey()).isEqualTo("shared");
      assertThat(session.supports("/MOBY.buildkit.secrets.v1.Secrets/getsecret")).isTrue();
      assertThat(session.supports("/moby.filesync.v1.FileSync/DiffCopy")).isFalse();
      assertThat(
              HealthGrpc.newBlockingStub(session.channel())
                  .check(HealthCheckRequest.getDefaultInstance())
                  .getStatus())
          .isEqualTo(HealthCheckResponse.ServingStatus.SERVING);

      SessionGroup group = SessionGroup.of(wired.manager, client.id());
      assertThat(Secrets.get(group, "token"))
          .hasValueSatisfying(s -> assertThat(s).asString(UTF_8).isEqualTo("s3cret"));
      assertThat(Secrets.get(group, "other")).isEmpty();
      assertThat(new AuthClient(session).credentials("example.com").username()).isEqualTo("me");
      assertThat(new AuthClient(session).credentials("else").isAnonymous()).isTrue();
      assertThat(
              new AuthClient(session)
                  .fetchToken(new AuthClient.TokenRequest("c", "h", "r", "s", List.of())))
          .isEmpty();
    }
  }

  @Test
  void closingEndsTheSessionAtOnce() throws Exception {
    try (Wired wired = new Wired()) {
      ClientSession client = wired.client();
      Session session = wired.session(client);
      CountDownLatch ended = new CountDownLatch(1);
      session.whenEnded(ended::countDown);
      long began = System.nanoTime();
      client.close();
      assertThat(ended.await(5, TimeUnit.SECONDS)).isTrue();
      assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(1));
      assertThat(client.failure()).isEmpty();
      assertThat(wired.manager.find(client.id())).isEmpty();
    }
  }

  @Test
  void theDaemonsEndEndsTheClient() throws Exception {
    try (Wired wired = new Wired();
        ClientSession client = wired.client()) {
      wired.session(client);
      CountDownLatch ended = new CountDownLatch(1);
      client.whenEnded(ended::countDown);
      wired.manager.close();
      assertThat(ended.await(5, TimeUnit.SECONDS)).isTrue();
      assertThat(client.isOpen()).isFalse();
    }
  }

  @Test
  void waitsForASessionAndStripsThePrefix() throws Exception {
    try (Wired wired = new Wired()) {
      assertThatThrownBy(() -> wired.manager.await("none", Duration.ofMillis(10)))
          .isInstanceOf(BuildException.class)
          .hasMessage("no active session for none: context deadline exceeded")
          .extracting(e -> ((BuildException) e).category())
          .isEqualTo(Category.NOT_FOUND);
      assertThatThrownBy(() -> SessionGroup.of(wired.manager).any(session -> 1))
          .hasMessage("no active sessions");
      try (ClientSession client = wired.client()) {
        Session session = wired.session(client);
        assertThat(wired.manager.find("context:" + client.id())).contains(session);
      }
    }
  }

  @Test
  void refusesAnIdThatIsTaken() throws Exception {
    try (Wired wired = new Wired();
        ClientSession client = wired.client()) {
      wired.session(client);
      try (ClientSession twin = ClientSession.open(wired.channel, client.id(), "", List.of())) {
        CountDownLatch ended = new CountDownLatch(1);
        twin.whenEnded(ended::countDown);
        assertThat(ended.await(5, TimeUnit.SECONDS)).isTrue();
        assertThat(twin.failure())
            .hasValueSatisfying(e ->
                assertThat(e).hasMessageContaining("session " + client.id() + " already exists"));
      }
      assertThat(wired.session(client).isOpen()).isTrue();
    }
  }
}
