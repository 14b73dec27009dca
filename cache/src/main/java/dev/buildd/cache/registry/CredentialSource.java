package dev.buildd.cache.registry;

import java.util.Optional;

/** Knows credentials of registries. */
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
}
