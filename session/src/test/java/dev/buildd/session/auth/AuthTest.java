package dev.buildd.session.auth;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import com.sun.net.httpserver.HttpServer;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.http.Token;
import dev.buildd.base.json.Json;
import dev.buildd.proto.auth.AuthGrpc;
import dev.buildd.proto.auth.FetchTokenResponse;
import dev.buildd.proto.auth.GetTokenAuthorityResponse;
import dev.buildd.proto.auth.VerifyTokenAuthorityResponse;
import dev.buildd.session.Attachable;
import dev.buildd.session.ClientSession;
import dev.buildd.session.Wired;
import dev.buildd.session.rpc.Handlers;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Both ends of the service, and a token server with whims. */
@Timeout(60)
final class AuthTest {
  private static final HexFormat HEX = HexFormat.of();

  @TempDir Path temp;
  private final List<String> asked = Collections.synchronizedList(new ArrayList<>());
  private HttpServer server;
  private volatile int postStatus = 200;
  private volatile int getStatus = 200;
  private volatile String answer = "{\"token\":\"tok\"}";
  private Wired wired;

  @BeforeEach
  void start() throws Exception {
    wired = new Wired();
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/token",
        exchange -> {
          String body = new String(exchange.getRequestBody().readAllBytes(), UTF_8);
          asked.add(
              exchange.getRequestMethod()
                  + " "
                  + exchange.getRequestURI()
                  + " "
                  + exchange.getRequestHeaders().getOrDefault("Authorization", List.of())
                  + " "
                  + body);
          byte[] bytes = answer.getBytes(UTF_8);
          int status = exchange.getRequestMethod().equals("POST") ? postStatus : getStatus;
          exchange.sendResponseHeaders(status, bytes.length);
          exchange.getResponseBody().write(bytes);
          exchange.close();
        });
    server.start();
  }

  @AfterEach
  void stop() {
    server.stop(0);
    wired.close();
  }

  private String realm() {
    return "http://localhost:" + server.getAddress().getPort() + "/token";
  }

  private Attachable provider(String user, String secret, String directory) {
    return new AuthProvider(
        host ->
            host.equals("host")
                ? new AuthClient.Credentials(user, secret)
                : AuthClient.Credentials.ANONYMOUS,
        new AuthProvider.Tokens(new TokenSeeds(temp.resolve(directory)), Map.of()));
  }

  private String user(Attachable provider, String host) throws Exception {
    try (ClientSession client = wired.client(provider)) {
      return new AuthClient(wired.session(client)).user(host).orElse("");
    }
  }

  private Token fetch(Attachable provider, String host) throws Exception {
    try (ClientSession client = wired.client(provider)) {
      return new AuthClient(wired.session(client))
          .fetchToken(
              new AuthClient.TokenRequest(
                  "buildkit-client", host, realm(), "service", List.of("a:b:pull", "c:d:pull")))
          .orElseThrow();
    }
  }

  @Test
  void signsAsRfc8032Does() throws Exception {
    // section 7.1, tests 1 and 2
    TokenAuthority one =
        TokenAuthority.of(
            HEX.parseHex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
    assertThat(HEX.formatHex(one.publicKey()))
        .isEqualTo("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    assertThat(HEX.formatHex(one.sign(new byte[0])))
        .isEqualTo(
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39"
                + "701cf9b46bd25bf5f0595bbe24655141438e7a100b");
    TokenAuthority two =
        TokenAuthority.of(
            HEX.parseHex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"));
    byte[] message = HEX.parseHex("72");
    byte[] signed = two.sign(message);
    assertThat(HEX.formatHex(signed))
        .isEqualTo(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f36"
                + "13d0f11d8c387b2eaeb4302aeeb00d291612bb0c0072");
    assertThat(TokenAuthority.isSigned(two.publicKey(), signed, message)).isTrue();
    assertThat(TokenAuthority.isSigned(one.publicKey(), signed, message)).isFalse();
    assertThat(TokenAuthority.isSigned(two.publicKey(), signed, HEX.parseHex("73"))).isFalse();
    assertThat(TokenAuthority.isSigned(new byte[3], signed, message)).isFalse();
    assertThat(TokenAuthority.isSigned(two.publicKey(), new byte[63], message)).isFalse();
    signed[3] ^= 1;
    assertThat(TokenAuthority.isSigned(two.publicKey(), signed, message)).isFalse();
  }

  @Test
  void sameUserIsKnownAgainAndNoOtherIs() throws Exception {
    String alice = user(provider("alice", "pw", "a"), "host");
    assertThat(alice).startsWith("key ").hasSize(4 + 64);
    assertThat(user(provider("alice", "pw", "a"), "host")).isEqualTo(alice);
    assertThat(user(provider("alice", "new", "a"), "host")).isNotEqualTo(alice);
    assertThat(user(provider("bob", "pw", "a"), "host")).isNotEqualTo(alice);
    assertThat(user(provider("alice", "pw", "another machine"), "host")).isNotEqualTo(alice);
    String nobody = user(provider("alice", "pw", "a"), "elsewhere");
    assertThat(user(provider("", "", "b"), "host")).as("nobody is nobody").isEqualTo(nobody);
    assertThat(nobody).isNotEqualTo(alice);
  }

  /** A client that says whatever key it likes. */
  private static Attachable liar(byte[] key, byte[] signed) {
    return () ->
        List.of(
            ServerServiceDefinition.builder(AuthGrpc.SERVICE_NAME)
                .addMethod(
                    AuthGrpc.getGetTokenAuthorityMethod(),
                    Handlers.unary((request, headers) ->
                        GetTokenAuthorityResponse.newBuilder()
                            .setPublicKey(ByteString.copyFrom(key))
                            .build()))
                .addMethod(
                    AuthGrpc.getVerifyTokenAuthorityMethod(),
                    Handlers.unary((request, headers) ->
                        VerifyTokenAuthorityResponse.newBuilder()
                            .setSigned(ByteString.copyFrom(signed))
                            .build()))
                .addMethod(
                    AuthGrpc.getFetchTokenMethod(),
                    Handlers.unary((request, headers) -> FetchTokenResponse.getDefaultInstance()))
                .build());
  }

  @Test
  void nobodyPassesForAnother() throws Exception {
    String alice = user(provider("alice", "pw", "a"), "host");
    byte[] key = HEX.parseHex(alice.substring("key ".length()));
    byte[] recorded = new byte[96];
    assertThat(user(liar(key, recorded), "host")).startsWith("session ");
    assertThat(user(liar(key, new byte[0]), "host")).startsWith("session ");
    assertThat(user(liar(new byte[0], recorded), "host")).startsWith("session ");
  }

  @Test
  void clientsWithoutTokensAreNobody() throws Exception {
    assertThat(user(new AuthProvider(AuthProvider.Store.ANONYMOUS), "host")).isEmpty();
    Attachable disabled =
        () ->
            List.of(
                ServerServiceDefinition.builder(AuthGrpc.SERVICE_NAME)
                    .addMethod(
                        AuthGrpc.getGetTokenAuthorityMethod(),
                        Handlers.unary((request, headers) -> {
                          throw Status.UNAVAILABLE.asRuntimeException();
                        }))
                    .addMethod(
                        AuthGrpc.getFetchTokenMethod(),
                        Handlers.unary(
                            (request, headers) -> FetchTokenResponse.getDefaultInstance()))
                    .build());
    assertThat(user(disabled, "host")).isEmpty();
  }

  @Test
  void tokenIsFetchedWithThePassword() throws Exception {
    answer = "{\"access_token\":\"tok\",\"expires_in\":300,\"issued_at\":\"2026-01-02T03:04:05Z\"}";
    Token token = fetch(provider("alice", "p w", "a"), "host");
    assertThat(token.value()).isEqualTo("tok");
    assertThat(token.issuedAt()).isEqualTo(Instant.parse("2026-01-02T03:04:05Z"));
    assertThat(token.expiresAt()).isEqualTo(Instant.parse("2026-01-02T03:09:05Z"));
    assertThat(asked)
        .containsExactly(
            "POST /token [] client_id=buildkit-client&scope=a%3Ab%3Apull+c%3Ad%3Apull"
                + "&service=service&grant_type=password&username=alice&password=p+w");
    assertThat(token.toString()).doesNotContain("tok\"").doesNotContain("value");
  }

  @Test
  void serverWithoutPostIsAskedTheOldWay() throws Exception {
    for (int status : new int[] {404, 405, 401}) {
      asked.clear();
      postStatus = status;
      fetch(provider("alice", "pw", "a"), "host");
      assertThat(asked.getLast())
          .isEqualTo(
              "GET /token?service=service&scope=a%3Ab%3Apull&scope=c%3Ad%3Apull [Basic "
                  + Base64.getEncoder().encodeToString("alice:pw".getBytes(UTF_8))
                  + "] ");
    }
  }

  @Test
  void identityTokenAndNobody() throws Exception {
    fetch(provider("", "identity", "a"), "host");
    assertThat(asked.getLast()).endsWith("&grant_type=refresh_token&refresh_token=identity");
    Token token = fetch(provider("alice", "pw", "a"), "elsewhere");
    assertThat(asked.getLast()).startsWith("GET ").endsWith(" [] ");
    assertThat(token.expiresAt()).isEqualTo(token.issuedAt().plusSeconds(60));
  }

  @Test
  void tokenThatTheUserPutDownIsGiven() throws Exception {
    AuthProvider.Store store =
        new AuthProvider.Store() {
          @Override
          public AuthClient.Credentials credentials(String host) {
            return AuthClient.Credentials.ANONYMOUS;
          }

          @Override
          public Optional<String> token(String host) {
            return Optional.of("mine");
          }
        };
    TokenSeeds seeds = new TokenSeeds(temp.resolve("a"));
    assertThat(
            fetch(new AuthProvider(store, new AuthProvider.Tokens(seeds, Map.of())), "host")
                .value())
        .isEqualTo("mine");
    assertThat(asked).isEmpty();
  }

  @Test
  void refusalIsToldWithoutThePassword() {
    postStatus = 401;
    getStatus = 401;
    assertThatThrownBy(() -> fetch(provider("alice", "s3cret", "a"), "host"))
        .hasMessageContaining("failed to fetch oauth token: unexpected status from GET request to")
        .hasMessageContaining(": 401")
        .hasMessageNotContainingAny("s3cret", "czNjcmV0")
        .satisfies(
            e -> assertThat(BuildException.categoryOf(e)).isEqualTo(Category.PERMISSION_DENIED));
  }

  @Test
  void serverThatIsNotThereIsTold() {
    server.stop(0);
    assertThatThrownBy(() -> fetch(provider("alice", "s3cret", "a"), "host"))
        .hasMessageContaining("token for host: failed to fetch oauth token: POST localhost: ")
        .hasMessageNotContainingAny("s3cret");
  }

  @Test
  void seedsAreKeptForAllClientsOfTheUser() throws Exception {
    Path directory = temp.resolve("docker");
    byte[] seed = new TokenSeeds(directory).seed("host");
    assertThat(seed).hasSize(16);
    assertThat(new TokenSeeds(directory).seed("host")).isEqualTo(seed);
    assertThat(new TokenSeeds(directory).seed("other")).isNotEqualTo(seed);
    Path file = directory.resolve(".token_seed");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
        .isEqualTo("rw-------");
    assertThat(directory.resolve(".token_seed.lock")).exists();
    Map<String, Object> all = Json.parseObject(Files.readAllBytes(file), "seeds");
    assertThat(all).containsOnlyKeys("host", "other");
    assertThat(Json.text(Json.object(all, "host"), "Seed"))
        .isEqualTo(Base64.getEncoder().encodeToString(seed));

    Files.writeString(file, "{\"host\": {\"Se"); // somebody crashed
    assertThat(new TokenSeeds(directory).seed("host")).hasSize(16);

    Path none = Files.createFile(temp.resolve("file")).resolve("docker");
    assertThat(new TokenSeeds(none).seed("host")).hasSize(16);
  }
}
