package dev.buildd.session.auth;

import dev.buildd.proto.auth.AuthGrpc;
import dev.buildd.proto.auth.CredentialsRequest;
import dev.buildd.proto.auth.CredentialsResponse;
import dev.buildd.proto.auth.FetchTokenRequest;
import dev.buildd.proto.auth.FetchTokenResponse;
import dev.buildd.session.Session;
import dev.buildd.session.rpc.Statuses;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** Asks a client for its registry credentials. */
public final class AuthClient {
  private static final int TIMEOUT_SECONDS = 60;

  private final Session session;

  public AuthClient(Session session) {
    this.session = session;
  }

  /**
   * A user and a secret; without a user the secret is an identity token, without both the registry
   * is used anonymously.
   */
  public record Credentials(String username, String secret) {
    public static final Credentials ANONYMOUS = new Credentials("", "");

    public boolean isAnonymous() {
      return username.isEmpty() && secret.isEmpty();
    }

    @Override
    public String toString() {
      return "Credentials[" + username + "]"; // the secret stays out of logs
    }
  }

  /** A bearer token that the client has fetched. */
  public record Token(String token, Instant issuedAt, Instant expiresAt) {
    @Override
    public String toString() {
      return "Token[expiresAt=" + expiresAt + "]";
    }
  }

  /** What a token is for. */
  public record TokenRequest(
      String clientId, String host, String realm, String service, List<String> scopes) {
    public TokenRequest {
      scopes = List.copyOf(scopes);
    }
  }

  /** The credentials for a registry; anonymous if the client does not offer any. */
  public Credentials credentials(String host) {
    if (!supports(AuthGrpc.getCredentialsMethod())) {
      return Credentials.ANONYMOUS;
    }
    try {
      CredentialsResponse response =
          AuthGrpc.newBlockingStub(session.channel())
              .credentials(CredentialsRequest.newBuilder().setHost(host).build());
      return new Credentials(response.getUsername(), response.getSecret());
    } catch (StatusRuntimeException e) {
      if (isMissing(e)) {
        return Credentials.ANONYMOUS;
      }
      throw Statuses.toBuildException("credentials for " + host, e);
    }
  }

  /** A token that the client fetches itself; empty if it does not do that. */
  public Optional<Token> fetchToken(TokenRequest request) {
    if (!supports(AuthGrpc.getFetchTokenMethod())) {
      return Optional.empty();
    }
    try {
      FetchTokenResponse response =
          AuthGrpc.newBlockingStub(session.channel())
              .withDeadlineAfter(TIMEOUT_SECONDS, TimeUnit.SECONDS)
              .fetchToken(
                  FetchTokenRequest.newBuilder()
                      .setClientID(request.clientId)
                      .setHost(request.host)
                      .setRealm(request.realm)
                      .setService(request.service)
                      .addAllScopes(request.scopes)
                      .build());
      Instant issued =
          response.getIssuedAt() == 0
              ? Instant.now()
              : Instant.ofEpochSecond(response.getIssuedAt());
      long seconds = response.getExpiresIn() == 0 ? 60 : response.getExpiresIn();
      return Optional.of(new Token(response.getToken(), issued, issued.plusSeconds(seconds)));
    } catch (StatusRuntimeException e) {
      if (isMissing(e)) {
        return Optional.empty();
      }
      throw Statuses.toBuildException("token for " + request.host, e);
    }
  }

  private boolean supports(MethodDescriptor<?, ?> method) {
    return session.supports("/" + method.getFullMethodName());
  }

  private static boolean isMissing(StatusRuntimeException e) {
    return e.getStatus().getCode() == Status.Code.UNIMPLEMENTED
        || e.getStatus().getCode() == Status.Code.UNAVAILABLE;
  }
}
