package dev.buildd.session.auth;

import com.google.protobuf.ByteString;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.http.HttpClient;
import dev.buildd.base.http.TlsSettings;
import dev.buildd.base.http.Token;
import dev.buildd.base.http.TokenServer;
import dev.buildd.proto.auth.AuthGrpc;
import dev.buildd.proto.auth.CredentialsRequest;
import dev.buildd.proto.auth.CredentialsResponse;
import dev.buildd.proto.auth.FetchTokenRequest;
import dev.buildd.proto.auth.FetchTokenResponse;
import dev.buildd.proto.auth.GetTokenAuthorityRequest;
import dev.buildd.proto.auth.GetTokenAuthorityResponse;
import dev.buildd.proto.auth.VerifyTokenAuthorityRequest;
import dev.buildd.proto.auth.VerifyTokenAuthorityResponse;
import dev.buildd.session.Attachable;
import dev.buildd.session.rpc.Handlers;
import io.grpc.ServerServiceDefinition;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Offers registry credentials to the daemon and, if told to, tokens: then the credentials only ever
 * go to token servers, and to a daemon only for registries that know nothing but passwords.
 */
public final class AuthProvider implements Attachable {
  private static final String HMAC = "HmacSHA256";
  private static final byte[] NONE = new byte[1]; // a key of HMAC is padded with zeros

  /** Finds credentials. */
  @FunctionalInterface
  public interface Store {
    Store ANONYMOUS = host -> AuthClient.Credentials.ANONYMOUS;

    AuthClient.Credentials credentials(String host) throws IOException, InterruptedException;

    /** A token that the user has put down for a registry, which needs no fetching. */
    default Optional<String> token(String host) throws IOException {
      return Optional.empty();
    }
  }

  /**
   * How tokens are fetched.
   *
   * @param tls for the token servers of registries, by the registries' hosts
   */
  public record Tokens(TokenSeeds seeds, Map<String, TlsSettings> tls) {
    public Tokens {
      tls = Map.copyOf(tls);
    }
  }

  private final Store store;
  private final Optional<Tokens> tokens;
  private final Consumer<String> user;
  private final Set<String> shared = ConcurrentHashMap.newKeySet(); // hosts, told once each

  private AuthProvider(Store store, Optional<Tokens> tokens, Consumer<String> user) {
    this.store = store;
    this.tokens = tokens;
    this.user = user;
  }

  /** Without tokens: the daemon fetches them with the credentials itself. */
  public AuthProvider(Store store) {
    this(store, Optional.empty(), line -> {});
  }

  public AuthProvider(Store store, Tokens tokens) {
    this(store, Optional.of(tokens), line -> {});
  }

  /** Tells of each token that is fetched with credentials, and of the hosts' that are shared. */
  @Override
  public Attachable reportingTo(Consumer<String> other) {
    return new AuthProvider(store, tokens, other);
  }

  @Override
  public List<ServerServiceDefinition> services() {
    ServerServiceDefinition.Builder service =
        ServerServiceDefinition.builder(AuthGrpc.SERVICE_NAME)
            .addMethod(
                AuthGrpc.getCredentialsMethod(),
                Handlers.unary((request, headers) -> credentials(request)));
    if (tokens.isPresent()) {
      Tokens how = tokens.get();
      service
          .addMethod(
              AuthGrpc.getFetchTokenMethod(),
              Handlers.unary((request, headers) -> fetchToken(request, how)))
          .addMethod(
              AuthGrpc.getGetTokenAuthorityMethod(),
              Handlers.unary((request, headers) -> authority(request, how)))
          .addMethod(
              AuthGrpc.getVerifyTokenAuthorityMethod(),
              Handlers.unary((request, headers) -> verify(request, how)));
    }
    return List.of(service.build());
  }

  private CredentialsResponse credentials(CredentialsRequest request) throws Exception {
    AuthClient.Credentials found = store.credentials(request.getHost());
    if (!found.secret().isEmpty() && shared.add(request.getHost())) {
      user.accept("[auth] sharing credentials for " + request.getHost());
    }
    return CredentialsResponse.newBuilder()
        .setUsername(found.username())
        .setSecret(found.secret())
        .build();
  }

  private FetchTokenResponse fetchToken(FetchTokenRequest request, Tokens how) throws Exception {
    Optional<String> given = store.token(request.getHost());
    if (given.isPresent()) {
      return FetchTokenResponse.newBuilder().setToken(given.get()).setExpiresIn(60).build();
    }
    AuthClient.Credentials found = store.credentials(request.getHost());
    if (!found.secret().isEmpty()) {
      String scopes =
          request.getScopesList().stream()
              .map(scope -> scope.replaceFirst("^repository:", ""))
              .collect(Collectors.joining(" "));
      user.accept("[auth] " + scopes + " token for " + request.getHost());
    }
    TlsSettings tls = how.tls.get(request.getHost());
    try (HttpClient opened = tls == null ? HttpClient.create() : HttpClient.create(tls)) {
      Token token =
          new TokenServer(opened, Clock.systemUTC())
              .fetch(
                  new TokenServer.Request(
                      request.getRealm(), request.getService(), request.getScopesList()),
                  new TokenServer.User(found.username(), found.secret()),
                  TokenServer.First.POST);
      return FetchTokenResponse.newBuilder()
          .setToken(token.value())
          .setIssuedAt(token.issuedAt().getEpochSecond())
          .setExpiresIn(Duration.between(token.issuedAt(), token.expiresAt()).toSeconds())
          .build();
    } catch (IOException e) {
      // not UNAVAILABLE, which says that this client fetches no tokens
      throw new BuildException(Category.UNKNOWN, String.valueOf(e.getMessage()), e);
    }
  }

  private GetTokenAuthorityResponse authority(GetTokenAuthorityRequest request, Tokens how)
      throws Exception {
    byte[] key = key(request.getHost(), request.getSalt(), how).publicKey();
    return GetTokenAuthorityResponse.newBuilder().setPublicKey(ByteString.copyFrom(key)).build();
  }

  private VerifyTokenAuthorityResponse verify(VerifyTokenAuthorityRequest request, Tokens how)
      throws Exception {
    byte[] signed =
        key(request.getHost(), request.getSalt(), how).sign(request.getPayload().toByteArray());
    return VerifyTokenAuthorityResponse.newBuilder().setSigned(ByteString.copyFrom(signed)).build();
  }

  /** The same key for the same credentials; all who have none are the same user. */
  private TokenAuthority key(String host, ByteString salt, Tokens how)
      throws IOException, InterruptedException, GeneralSecurityException {
    AuthClient.Credentials found = store.credentials(host);
    Optional<String> token = store.token(host);
    boolean anonymous = found.secret().isEmpty() && token.isEmpty();
    Mac mac = Mac.getInstance(HMAC);
    mac.init(new SecretKeySpec(anonymous ? NONE : how.seeds.seed(host), HMAC));
    mac.update(salt.toByteArray());
    for (String part : List.of(found.username(), found.secret(), token.orElse(""))) {
      byte[] bytes = part.getBytes(StandardCharsets.UTF_8);
      mac.update(new byte[] {0});
      mac.update(bytes);
    }
    return TokenAuthority.of(mac.doFinal());
  }
}
