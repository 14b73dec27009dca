package dev.buildd.session.auth;

import dev.buildd.proto.auth.AuthGrpc;
import dev.buildd.proto.auth.CredentialsResponse;
import dev.buildd.session.Attachable;
import dev.buildd.session.rpc.Handlers;
import io.grpc.ServerServiceDefinition;
import java.io.IOException;
import java.util.List;

/**
 * Offers registry credentials to the daemon, which fetches tokens with them itself: the methods by
 * which a client fetches them are left out, as the protocol allows.
 */
public final class AuthProvider implements Attachable {
  /** Finds credentials. */
  @FunctionalInterface
  public interface Store {
    Store ANONYMOUS = host -> AuthClient.Credentials.ANONYMOUS;

    AuthClient.Credentials credentials(String host) throws IOException;
  }

  private final Store store;

  public AuthProvider(Store store) {
    this.store = store;
  }

  @Override
  public List<ServerServiceDefinition> services() {
    return List.of(
        ServerServiceDefinition.builder(AuthGrpc.SERVICE_NAME)
            .addMethod(
                AuthGrpc.getCredentialsMethod(),
                Handlers.unary((request, headers) -> {
                  AuthClient.Credentials found = store.credentials(request.getHost());
                  return CredentialsResponse.newBuilder()
                      .setUsername(found.username())
                      .setSecret(found.secret())
                      .build();
                }))
            .build());
  }
}
