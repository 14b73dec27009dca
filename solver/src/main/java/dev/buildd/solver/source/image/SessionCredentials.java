package dev.buildd.solver.source.image;

import dev.buildd.cache.registry.CredentialSource;
import dev.buildd.cache.registry.Credentials;
import dev.buildd.session.SessionGroup;
import dev.buildd.session.auth.AuthClient;
import java.util.Optional;

/** Asks the clients of a build for their credentials. */
public record SessionCredentials(SessionGroup sessions) implements CredentialSource {
  @Override
  public Optional<Credentials> credentials(String host) throws Exception {
    if (sessions.ids().stream().allMatch(String::isEmpty)) {
      return Optional.empty();
    }
    AuthClient.Credentials found =
        sessions.any(session -> new AuthClient(session).credentials(host));
    return found.isAnonymous()
        ? Optional.empty()
        : Optional.of(new Credentials(found.username(), found.secret()));
  }
}
