package dev.buildd.session.auth;

import com.google.protobuf.ByteString;
import dev.buildd.base.http.Token;
import dev.buildd.proto.auth.AuthGrpc;
import dev.buildd.proto.auth.CredentialsRequest;
import dev.buildd.proto.auth.CredentialsResponse;
import dev.buildd.proto.auth.FetchTokenRequest;
import dev.buildd.proto.auth.FetchTokenResponse;
import dev.buildd.proto.auth.GetTokenAuthorityRequest;
import dev.buildd.proto.auth.VerifyTokenAuthorityRequest;
import dev.buildd.session.Session;
import dev.buildd.session.rpc.Statuses;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.HexFormat;
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
          stub().credentials(CredentialsRequest.newBuilder().setHost(host).build());
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
          stub()
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
      if (e.getStatus().getCode() == Status.Code.UNIMPLEMENTED) {
        return Optional.empty();
      }
      throw Statuses.toBuildException("token for " + request.host, e);
    }
  }

  /**
   * Names the client's user at a registry. The same name in two sessions is that of the same user:
   * he has just proven it by a signature. Empty if the client does not fetch tokens.
   */
  public Optional<String> user(String host) {
    if (!supports(AuthGrpc.getGetTokenAuthorityMethod())
        || !supports(AuthGrpc.getFetchTokenMethod())) {
      return Optional.empty();
    }
    try {
      byte[] key =
          stub()
              .getTokenAuthority(
                  GetTokenAuthorityRequest.newBuilder()
                      .setHost(host)
                      .setSalt(ByteString.copyFrom(Salt.BYTES))
                      .build())
              .getPublicKey()
              .toByteArray();
      byte[] payload = random();
      byte[] signed =
          stub()
              .verifyTokenAuthority(
                  VerifyTokenAuthorityRequest.newBuilder()
                      .setHost(host)
                      .setSalt(ByteString.copyFrom(Salt.BYTES))
                      .setPayload(ByteString.copyFrom(payload))
                      .build())
              .getSigned()
              .toByteArray();
      return Optional.of(
          TokenAuthority.isSigned(key, signed, payload)
              ? "key " + HexFormat.of().formatHex(key)
              : "session " + session.id()); // he may be anybody
    } catch (StatusRuntimeException e) {
      if (isMissing(e)) {
        return Optional.empty();
      }
      throw Statuses.toBuildException("token authority for " + host, e);
    }
  }

  /** Another one in each daemon, lest a key be good for following a user about. */
  private static final class Salt {
    static final byte[] BYTES = random();
  }

  private static byte[] random() {
    byte[] out = new byte[32];
    new SecureRandom().nextBytes(out);
    return out;
  }

  private AuthGrpc.AuthBlockingStub stub() {
    return AuthGrpc.newBlockingStub(session.channel())
        .withDeadlineAfter(TIMEOUT_SECONDS, TimeUnit.SECONDS);
  }

  private boolean supports(MethodDescriptor<?, ?> method) {
    return session.supports("/" + method.getFullMethodName());
  }

  private static boolean isMissing(StatusRuntimeException e) {
    return e.getStatus().getCode() == Status.Code.UNIMPLEMENTED
        || e.getStatus().getCode() == Status.Code.UNAVAILABLE;
  }
}
