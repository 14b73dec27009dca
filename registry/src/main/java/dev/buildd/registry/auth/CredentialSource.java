package dev.buildd.registry.auth;

import dev.buildd.base.http.Token;
import java.util.List;
import java.util.Optional;

/** Knows credentials of registries, or somebody who does. */
@FunctionalInterface
public interface CredentialSource {
  CredentialSource ANONYMOUS = host -> Optional.empty();

  /**
   * The credentials for a registry; empty means none.
   *
   * @param host as in references, with its port if one is written; Docker Hub is {@code
   *     registry-1.docker.io}
   */
  Optional<Credentials> credentials(String host) throws Exception;

  /**
   * Who fetches tokens for a registry, so that credentials stay where they are; empty if nobody
   * does.
   */
  default Optional<TokenFetcher> tokens(String host) throws Exception {
    return Optional.empty();
  }

  /** Fetches tokens for one user. */
  interface TokenFetcher {
    /**
     * Names the user. Who says the same has proven to be the same, and may be given a token that
     * was fetched before.
     */
    String user();

    Token fetch(String realm, String service, List<String> scopes) throws Exception;
  }
}
