package dev.buildd.buildctl;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import dev.buildd.base.json.Json;
import dev.buildd.llb.FileAction;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URLDecoder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import org.bouncycastle.crypto.generators.OpenBSDBCrypt;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Debian's registry, which asks who is there; a daemon; and the program as users run it. */
@Tag("root")
@Timeout(180)
final class RegistryAuthTest {
  private static final String SECRET = "correct-horse";

  @TempDir Path temp;
  private final List<String> tokenRequests = Collections.synchronizedList(new ArrayList<>());
  private final List<AutoCloseable> open = new ArrayList<>();
  private Daemon daemon;
  private int port;

  @BeforeEach
  void start() throws Exception {
    daemon = new Daemon(Files.createDirectory(temp.resolve("daemon")));
    open.add(daemon);
  }

  @AfterEach
  void stop() throws Exception {
    for (AutoCloseable one : open.reversed()) {
      one.close();
    }
    assertThat(daemon.log()).doesNotContain(SECRET);
  }

  // --- servers ---

  private void startRegistry(String auth) throws Exception {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = socket.getLocalPort();
    }
    Path config = temp.resolve("registry.yml");
    Files.writeString(
        config,
        """
        version: 0.1
        log: {level: info}
        storage: {filesystem: {rootdirectory: %s}}
        http: {addr: "127.0.0.1:%d"}
        auth: %s
        """
            .formatted(temp.resolve("registry"), port, auth));
    Process server =
        new ProcessBuilder("docker-registry", "serve", config.toString())
            .redirectErrorStream(true)
            .redirectOutput(temp.resolve("registry.log").toFile())
            .start();
    open.add(() -> server.destroyForcibly().waitFor());
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (true) {
      try (Socket _ = new Socket(InetAddress.getLoopbackAddress(), port)) {
        return;
      } catch (IOException e) {
        if (!server.isAlive() || System.nanoTime() > deadline) {
          throw new AssertionError(registryLog(), e);
        }
        Thread.sleep(50);
      }
    }
  }

  private String registryLog() throws IOException {
    return Files.readString(temp.resolve("registry.log"));
  }

  private void startWithPasswords() throws Exception {
    String hash = OpenBSDBCrypt.generate("2y", SECRET.toCharArray(), new byte[16], 4);
    Path passwords = Files.writeString(temp.resolve("htpasswd"), "alice:" + hash + "\n");
    startRegistry("{htpasswd: {realm: here, path: " + passwords + "}}");
  }

  /** Says what its registry is to believe, with a key of its own. */
  private void startWithTokens(boolean tls) throws Exception {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
    generator.initialize(2048);
    KeyPair keys = generator.generateKeyPair();
    X509Certificate certificate = Certificates.selfSigned(keys, "SHA256withRSA");
    Path bundle =
        Certificates.write(temp.resolve("ca.pem"), "CERTIFICATE", certificate.getEncoded());
    InetSocketAddress any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    HttpServer server;
    if (tls) {
      HttpsServer secure = HttpsServer.create(any, 0);
      secure.setHttpsConfigurator(new HttpsConfigurator(context(keys, certificate)));
      server = secure;
    } else {
      server = HttpServer.create(any, 0);
    }
    server.createContext("/token", exchange -> token(exchange, keys, certificate));
    server.start();
    open.add(() -> server.stop(0));
    startRegistry(
        "{token: {realm: \"%s://localhost:%d/token\", service: reg, issuer: test, rootcertbundle: %s}}"
            .formatted(tls ? "https" : "http", server.getAddress().getPort(), bundle));
  }

  private static SSLContext context(KeyPair keys, X509Certificate certificate) throws Exception {
    char[] none = new char[0];
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, none);
    store.setKeyEntry("server", keys.getPrivate(), none, new X509Certificate[] {certificate});
    KeyManagerFactory factory =
        KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    factory.init(store, none);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(factory.getKeyManagers(), null, null);
    return context;
  }

  private void token(HttpExchange exchange, KeyPair keys, X509Certificate certificate)
      throws IOException {
    try (exchange) {
      boolean post = exchange.getRequestMethod().equals("POST");
      Map<String, String> form = new HashMap<>();
      String text =
          post
              ? new String(exchange.getRequestBody().readAllBytes(), UTF_8)
              : exchange.getRequestURI().getRawQuery();
      for (String pair : text.split("&")) {
        String[] parts = pair.split("=", 2);
        form.merge(parts[0], URLDecoder.decode(parts[1], UTF_8), (a, b) -> a + " " + b);
      }
      tokenRequests.add(
          exchange.getRequestMethod()
              + " "
              + form.getOrDefault("client_id", "-")
              + " "
              + form.getOrDefault("scope", ""));
      String user = form.getOrDefault("username", "");
      if (!post || !user.equals("alice") || !SECRET.equals(form.get("password"))) {
        exchange.sendResponseHeaders(401, -1);
        return;
      }
      byte[] answer =
          Json.bytes(Map.of("access_token", jwt(user, form, keys, certificate), "expires_in", 300));
      exchange.sendResponseHeaders(200, answer.length);
      exchange.getResponseBody().write(answer);
    } catch (Exception e) {
      throw new IOException(e);
    }
  }

  private static String jwt(
      String user, Map<String, String> form, KeyPair keys, X509Certificate certificate)
      throws Exception {
    List<Map<String, Object>> access = new ArrayList<>();
    for (String scope : form.getOrDefault("scope", "").split(" ")) {
      String[] parts = scope.split(":");
      access.add(
          Map.of("type", parts[0], "name", parts[1], "actions", List.of(parts[2].split(","))));
    }
    long now = Instant.now().getEpochSecond();
    Map<String, Object> claims = new LinkedHashMap<>();
    claims.put("iss", "test");
    claims.put("sub", user);
    claims.put("aud", "reg");
    claims.put("exp", now + 300);
    claims.put("nbf", now - 10);
    claims.put("iat", now);
    claims.put("jti", Long.toString(System.nanoTime()));
    claims.put("access", access);
    String x5c = Base64.getEncoder().encodeToString(certificate.getEncoded());
    Base64.Encoder url = Base64.getUrlEncoder().withoutPadding();
    String signed =
        url.encodeToString(Json.bytes(Map.of("typ", "JWT", "alg", "RS256", "x5c", List.of(x5c))))
            + "."
            + url.encodeToString(Json.bytes(claims));
    Signature signing = Signature.getInstance("SHA256withRSA");
    signing.initSign(keys.getPrivate());
    signing.update(signed.getBytes(UTF_8));
    return signed + "." + url.encodeToString(signing.sign());
  }

  // --- the program ---

  private record Ended(int status, String errors) {}

  /** Docker's configuration of one user. */
  private Path user(String directory, String name, String secret) throws IOException {
    Path config = Files.createDirectories(temp.resolve(directory));
    String auth = Base64.getEncoder().encodeToString((name + ":" + secret).getBytes(UTF_8));
    Files.writeString(
        config.resolve("config.json"),
        "{\"auths\":{\"localhost:" + port + "\":{\"auth\":\"" + auth + "\"}}}");
    return config;
  }

  private Path nobody() throws IOException {
    return Files.createDirectories(temp.resolve("nobody"));
  }

  private Ended build(Path config, State state, String... arguments) throws Exception {
    List<String> command = new ArrayList<>(Client.command());
    command.addAll(
        List.of(
            "--addr",
            daemon.address(),
            "build",
            "--progress=plain",
            "--local",
            "rootfs=" + daemon.rootfs()));
    command.addAll(Arrays.asList(arguments));
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(temp.resolve("output").toFile());
    builder.environment().put("DOCKER_CONFIG", config.toString());
    builder.environment().merge("PATH", temp.toString(), (path, more) -> path + ":" + more);
    Process process = builder.start();
    try (OutputStream to = process.getOutputStream()) {
      state.marshal().writeTo(to);
    }
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    String output = Files.readString(temp.resolve("output"));
    assertThat(output).doesNotContain(SECRET);
    return new Ended(process.exitValue(), output);
  }

  private static State base() {
    return Llb.scratch()
        .file(
            Llb.copy(Llb.local("rootfs"), "/", "/", FileAction.CopyOptions.DEFAULT.contentsOnly()));
  }

  private Ended push(Path config, State state, String name) throws Exception {
    return build(
        config, state, "--output", "type=image,name=localhost:" + port + "/" + name + ",push=true");
  }

  private State image(String name) {
    return Llb.image("localhost:" + port + "/" + name);
  }

  /** What the progress tells of credentials, without the steps' numbers. */
  private static List<String> auth(Ended ended) {
    return ended
        .errors
        .lines()
        .filter(line -> line.matches("#[0-9]+ \\[auth\\] .*"))
        .map(line -> line.replaceFirst("^#[0-9]+ \\[auth\\] ", ""))
        .toList();
  }

  private static void assertDone(Ended ended) {
    assertThat(ended.status).as(ended.errors).isZero();
  }

  private static void assertRefused(Ended ended, String... said) {
    assertThat(ended.status).as(ended.errors).isNotZero();
    assertThat(ended.errors).contains(said);
  }

  // --- what happens ---

  @Test
  void passwordsOfDockersConfiguration() throws Exception {
    startWithPasswords();
    Path alice = user("alice", "alice", SECRET);
    Ended pushed = push(alice, base(), "a/image:v1");
    assertDone(pushed);
    assertThat(auth(pushed)).containsExactly("sharing credentials for localhost:" + port);
    assertDone(build(alice, image("a/image:v1").run(Llb.args("/bin/echo", "hi")).root()));

    Path wrong = user("wrong", "alice", "wrong");
    assertRefused(
        push(wrong, base(), "a/image:v1"),
        "failed to push localhost:" + port + "/a/image:v1: ",
        "push access denied, repository does not exist or may require authorization");
    assertRefused(
        build(wrong, image("a/image:v1")),
        "pull access denied, repository does not exist or may require authorization");
    assertRefused(build(nobody(), image("a/image:v1")), "pull access denied");
    assertRefused(push(nobody(), base(), "a/image:v1"), "push access denied");
  }

  @Test
  void helpersOfDockersConfiguration() throws Exception {
    startWithPasswords();
    Path config = Files.createDirectories(temp.resolve("helped"));
    Path helper = temp.resolve("docker-credential-test");
    Files.writeString(
        helper,
        "#!/bin/sh\nread -r host\n[ \"$host\" = localhost:"
            + port
            + " ] && echo '{\"Username\":\"alice\",\"Secret\":\""
            + SECRET
            + "\"}' && exit\necho credentials not found in native keychain\nexit 1\n");
    assertThat(helper.toFile().setExecutable(true)).isTrue();
    Files.writeString(config.resolve("config.json"), "{\"credsStore\":\"test\"}");
    assertDone(push(config, base(), "a/image:v1"));
    assertRefused(push(nobody(), base(), "a/image:v1"), "push access denied");
  }

  @Test
  void tokensComeFromTheClientAndServeItsNextSession() throws Exception {
    startWithTokens(false);
    Path alice = user("alice", "alice", SECRET);
    Ended pushed = push(alice, base(), "a/image:v1");
    assertDone(pushed);
    assertThat(auth(pushed)).containsExactly("a/image:pull,push token for localhost:" + port);
    assertThat(tokenRequests).containsExactly("POST buildkit-client repository:a/image:pull,push");
    tokenRequests.clear();

    assertDone(build(alice, image("a/image:v1").run(Llb.args("/bin/echo", "hi")).root()));
    assertThat(tokenRequests).containsExactly("POST buildkit-client repository:a/image:pull");
    Ended later = build(alice, image("a/image:v1").run(Llb.args("/bin/echo", "ho")).root());
    assertDone(later);
    assertThat(auth(later)).as("the daemon has it").isEmpty();
    assertDone(push(alice, base(), "a/image:v2"));
    assertThat(tokenRequests).as("of another session of hers").hasSize(1);
    assertThat(alice.resolve(".token_seed")).exists();

    // of the same registry, hence taken over
    assertDone(push(alice, image("a/image:v1"), "b/image:v1"));
    assertThat(registryLog()).contains("from=a%2Fimage");
    assertThat(tokenRequests.getLast())
        .isEqualTo("POST buildkit-client repository:a/image:pull repository:b/image:pull,push");

    tokenRequests.clear();
    Path wrong = user("wrong", "alice", "wrong");
    assertRefused(
        push(wrong, base(), "a/image:v1"),
        "failed to authorize: ",
        "failed to fetch oauth token: unexpected status",
        "401");
    assertThat(tokenRequests).as("her token is not his").isNotEmpty();
    Ended anonymous = build(nobody(), image("a/image:v1"));
    assertRefused(anonymous, "failed to authorize: ", "401");
    assertThat(auth(anonymous)).isEmpty();
  }

  @Test
  void tokenServerWithItsOwnAuthority() throws Exception {
    startWithTokens(true);
    Path alice = user("alice", "alice", SECRET);
    assertRefused(push(alice, base(), "a/image:v1"), "failed to authorize: ", "certification path");
    assertDone(
        build(
            alice,
            base(),
            "--output",
            "type=image,name=localhost:" + port + "/a/image:v1,push=true",
            "--registry-auth-tlscontext",
            "host=localhost:" + port + ",ca=" + temp.resolve("ca.pem")));
  }
}
