package dev.buildd.session.secrets;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.session.ClientSession;
import dev.buildd.session.SessionGroup;
import dev.buildd.session.Wired;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
final class SecretsTest {
  private static SecretsProvider with(String id, byte[] secret) {
    return new SecretsProvider(SecretsProvider.Store.of(Map.of(id, secret)));
  }

  @Test
  void whoeverOfSeveralClientsHasItIsAsked() throws Exception {
    try (Wired wired = new Wired();
        ClientSession without = wired.client();
        ClientSession other = wired.client(with("other", new byte[0]));
        ClientSession has = wired.client(with("token", "s3cret".getBytes(UTF_8)))) {
      SessionGroup all = SessionGroup.of(wired.manager, without.id(), other.id(), has.id());
      assertThat(Secrets.get(all, "token")).hasValue("s3cret".getBytes(UTF_8));
      assertThat(Secrets.get(all, "other")).hasValue(new byte[0]);
      assertThat(Secrets.get(all, "none")).isEmpty();
    }
  }

  @Test
  void aClientThatIsGoneIsNotOneWithoutTheSecret() throws Exception {
    try (Wired wired = new Wired()) {
      SessionGroup gone = SessionGroup.of(wired.manager, "gone");
      assertThatThrownBy(() -> Secrets.get(gone, "token"))
          .hasMessageContaining("no active session for gone");
    }
  }

  @Test
  void tooLongASecretIsNotGivenAway() throws Exception {
    byte[] longest = new byte[SecretsProvider.MAX_SIZE];
    byte[] longer = new byte[SecretsProvider.MAX_SIZE + 1];
    try (Wired wired = new Wired();
        ClientSession some = wired.client(with("s", longest));
        ClientSession more = wired.client(with("s", longer))) {
      assertThat(Secrets.get(wired.session(some), "s")).hasValue(longest);
      assertThatThrownBy(() -> Secrets.get(wired.session(more), "s"))
          .hasMessageContaining("invalid secret size 512001");
    }
  }
}
