package dev.buildd.solver.source.image;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.http.Token;
import dev.buildd.registry.auth.CredentialSource;
import dev.buildd.registry.auth.Credentials;
import dev.buildd.session.SessionGroup;
import dev.buildd.session.auth.AuthClient;
import java.util.List;
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

  @Override
  public Optional<TokenFetcher> tokens(String host) throws Exception {
    if (sessions.ids().stream().allMatch(String::isEmpty)) {
      return Optional.empty();
    }
    return sessions.any(session -> {
      AuthClient client = new AuthClient(session);
      return client.user(host).map(user -> new Fetcher(client, host, user));
    });
  }

  private record Fetcher(AuthClient client, String host, String user) implements TokenFetcher {
    @Override
    public Token fetch(String realm, String service, List<String> scopes) {
      return client
          .fetchToken(new AuthClient.TokenRequest("buildkit-client", host, realm, service, scopes))
          .orElseThrow(() ->
              new BuildException(Category.UNAVAILABLE, "the client fetches no tokens any more"));
    }
  }
}
