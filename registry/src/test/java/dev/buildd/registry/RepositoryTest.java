package dev.buildd.registry;

import static dev.buildd.registry.FakeRegistry.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.MediaType;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.registry.auth.CredentialSource;
import dev.buildd.registry.auth.Credentials;
import dev.buildd.snapshot.content.ContentStore;
import dev.buildd.snapshot.content.LocalContentStore;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A registry that behaves badly on demand. */
@Timeout(30)
final class RepositoryTest {
  private static final byte[] MANIFEST =
      "{\"schemaVersion\":2,\"config\":{}}".getBytes(StandardCharsets.UTF_8);
  private static final byte[] BLOB = "0123456789".repeat(1000).getBytes(StandardCharsets.UTF_8);
  private static final Descriptor BLOB_DESCRIPTOR =
      Descriptor.of(MediaType.OCI_LAYER, Digest.of(BLOB), BLOB.length);

  private interface Handler {
    void handle(HttpExchange exchange) throws IOException;
  }

  private final List<HttpServer> servers = new ArrayList<>();
  private final List<String> requests = Collections.synchronizedList(new ArrayList<>());
  private String host = "";
  private Handler handler = e -> answer(e, 404, "");

  @BeforeEach
  void start() throws IOException {
    host = serve(e -> handler.handle(e));
  }

  private String serve(Handler of) throws IOException {
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/",
        exchange -> {
          requests.add(
              exchange.getRequestMethod()
                  + " "
                  + exchange.getRequestURI()
                  + " "
                  + exchange.getRequestHeaders().getOrDefault("Authorization", List.of()));
          of.handle(exchange);
          exchange.close();
        });
    server.setExecutor(request -> Thread.ofVirtual().start(request));
    server.start();
    servers.add(server);
    return "localhost:" + server.getAddress().getPort();
  }

  @AfterEach
  void stop() {
    servers.forEach(server -> server.stop(0));
  }

  private static void answer(HttpExchange exchange, int status, String body) throws IOException {
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
    exchange.getResponseBody().write(bytes);
  }

  private static void contentRange(HttpExchange exchange, int from, int size) {
    exchange
        .getResponseHeaders()
        .set("Content-Range", "bytes " + from + "-" + (size - 1) + "/" + size);
  }

  private static void manifest(HttpExchange exchange) throws IOException {
    exchange.getResponseHeaders().set("Content-Type", MediaType.OCI_MANIFEST);
    exchange.getResponseHeaders().set("Docker-Content-Digest", Digest.of(MANIFEST).toString());
    if (exchange.getRequestMethod().equals("HEAD")) {
      exchange.getResponseHeaders().set("Content-Length", String.valueOf(MANIFEST.length));
      exchange.sendResponseHeaders(200, -1);
      return;
    }
    exchange.sendResponseHeaders(200, MANIFEST.length);
    exchange.getResponseBody().write(MANIFEST);
  }

  private Repository open(CredentialSource credentials, Map<String, RegistrySettings.Host> hosts) {
    return new RegistryClient(new RegistrySettings(hosts, Duration.ofMillis(5)))
        .open(ImageReference.parse(host + "/a/b:v1"), credentials);
  }

  private Repository open() {
    return open(CredentialSource.ANONYMOUS, Map.of());
  }

  private byte[] blob(Repository repository) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    repository.blob(BLOB_DESCRIPTOR, out, n -> {});
    return out.toByteArray();
  }

  @Test
  void resolvesWithHead() throws Exception {
    handler = RepositoryTest::manifest;
    Descriptor root = open().resolve();
    assertThat(root.digest()).isEqualTo(Digest.of(MANIFEST));
    assertThat(root.mediaType()).isEqualTo(MediaType.OCI_MANIFEST);
    assertThat(requests).containsExactly("HEAD /v2/a/b/manifests/v1 []");
    assertThat(open().manifest(root.digest())).isEqualTo(MANIFEST);
  }

  @Test
  void aRegistryWithoutHeadIsAskedByGet() throws Exception {
    for (int status : new int[] {405, 501}) {
      handler =
          e -> {
            if (e.getRequestMethod().equals("HEAD")) {
              answer(e, status, "");
            } else {
              manifest(e);
            }
          };
      assertThat(open().resolve().digest()).isEqualTo(Digest.of(MANIFEST));
    }
  }

  @Test
  void manifestWithAnotherDigestIsRefused() {
    handler = RepositoryTest::manifest;
    assertThatThrownBy(() -> open().manifest(Digest.of("other")))
        .hasMessageContaining("unexpected digest of manifest");
  }

  @Test
  void hugeManifestIsRefused() {
    handler =
        e -> {
          e.getResponseHeaders().set("Content-Type", MediaType.OCI_MANIFEST);
          e.sendResponseHeaders(200, 0);
          byte[] chunk = new byte[1 << 16];
          for (int i = 0; i < 1000; i++) {
            e.getResponseBody().write(chunk);
          }
        };
    assertThatThrownBy(() -> open().resolve()).hasMessageContaining("larger than");
  }

  @Test
  void passingFailuresAreTriedAgain() throws Exception {
    AtomicInteger count = new AtomicInteger();
    handler =
        e -> {
          switch (count.getAndIncrement()) {
            case 0 -> answer(e, 503, "busy");
            case 1 -> answer(e, 429, "");
            case 2 -> e.close(); // reset
            default -> manifest(e);
          }
        };
    assertThat(open().resolve().digest()).isEqualTo(Digest.of(MANIFEST));
    handler = e -> answer(e, 500, "broken");
    assertThatThrownBy(() -> open().resolve())
        .hasMessageContaining("unexpected status from HEAD request")
        .satisfies(e -> assertThat(BuildException.categoryOf(e)).isEqualTo(Category.UNAVAILABLE));
  }

  @Test
  void brokenBlobIsTakenUpWhereItBroke() throws Exception {
    AtomicInteger count = new AtomicInteger();
    List<String> ranges = Collections.synchronizedList(new ArrayList<>());
    handler =
        e -> {
          String range = e.getRequestHeaders().getFirst("Range");
          ranges.add(String.valueOf(range));
          int from = range == null ? 0 : Integer.parseInt(range.replaceAll("bytes=(\\d+)-", "$1"));
          boolean partial = count.get() != 2; // once the server knows no ranges
          contentRange(e, from, BLOB.length);
          e.sendResponseHeaders(
              from > 0 && partial ? 206 : 200, BLOB.length - (partial ? from : 0));
          if (count.getAndIncrement() < 2) {
            e.getResponseBody().write(BLOB, from, 3000);
            e.getResponseBody().flush();
            throw new IOException("cut");
          }
          e.getResponseBody().write(BLOB, partial ? from : 0, BLOB.length - (partial ? from : 0));
        };
    assertThat(blob(open())).isEqualTo(BLOB);
    assertThat(ranges.getFirst()).isEqualTo("null");
    assertThat(ranges.getLast()).startsWith("bytes=");
  }

  /** A server that answers with other bytes than those asked for is asked for all of them. */
  @Test
  void restThatIsNotTheRestIsRefused() throws Exception {
    List<String> ranges = Collections.synchronizedList(new ArrayList<>());
    handler =
        e -> {
          ranges.add(String.valueOf(e.getRequestHeaders().getFirst("Range")));
          if (ranges.size() == 2) {
            contentRange(e, 2000, BLOB.length);
            e.sendResponseHeaders(206, BLOB.length - 2000);
            e.getResponseBody().write(BLOB, 2000, BLOB.length - 2000);
            return;
          }
          e.sendResponseHeaders(200, BLOB.length);
          e.getResponseBody().write(BLOB, 0, ranges.size() == 1 ? 3000 : BLOB.length);
          e.getResponseBody().flush();
        };
    assertThat(blob(open())).isEqualTo(BLOB);
    assertThat(ranges).containsExactly("null", "bytes=3000-", "null");
  }

  /** Only attempts that bring nothing are counted. */
  @Test
  void transferMayBreakAsOftenAsItGetsOn() throws Exception {
    AtomicInteger count = new AtomicInteger();
    handler =
        e -> {
          // before the answer, whose last byte lets the test go on
          count.incrementAndGet();
          String range = e.getRequestHeaders().getFirst("Range");
          int from = range == null ? 0 : Integer.parseInt(range.replaceAll("bytes=(\\d+)-", "$1"));
          contentRange(e, from, BLOB.length);
          e.sendResponseHeaders(from > 0 ? 206 : 200, BLOB.length - from);
          e.getResponseBody().write(BLOB, from, 1000);
          e.getResponseBody().flush();
        };
    assertThat(blob(open())).isEqualTo(BLOB);
    assertThat(count).hasValue(10);
    count.set(0);
    handler =
        e -> {
          count.incrementAndGet();
          e.sendResponseHeaders(200, BLOB.length);
          e.getResponseBody().flush();
        };
    assertThatThrownBy(() -> blob(open()))
        .satisfies(e -> assertThat(BuildException.categoryOf(e)).isEqualTo(Category.UNAVAILABLE));
    assertThat(count).hasValue(5);
  }

  /** As a disk that is full does: nobody else can help. */
  @Test
  void blobThatCannotBeWrittenIsNotAskedForAgain() {
    handler =
        e -> {
          e.sendResponseHeaders(200, BLOB.length);
          e.getResponseBody().write(BLOB);
        };
    OutputStream full =
        new OutputStream() {
          @Override
          public void write(int b) throws IOException {
            throw new IOException("No space left on device");
          }
        };
    assertThatThrownBy(() -> open().blob(BLOB_DESCRIPTOR, full, n -> {}))
        .hasMessageContaining(BLOB_DESCRIPTOR.digest() + ": No space left on device");
    assertThat(requests).hasSize(1);
  }

  @Test
  void oneRegistryTransfersNoMoreAtOnceThanItIsGiven() throws Exception {
    CountDownLatch two = new CountDownLatch(2);
    CountDownLatch go = new CountDownLatch(1);
    AtomicInteger at = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    handler =
        e -> {
          if (e.getRequestURI().getPath().contains("/manifests/")) {
            manifest(e);
            return;
          }
          most.accumulateAndGet(at.incrementAndGet(), Math::max);
          two.countDown();
          await(go);
          at.decrementAndGet();
          e.sendResponseHeaders(200, BLOB.length);
          e.getResponseBody().write(BLOB);
        };
    RegistryClient client =
        new RegistryClient(
            new RegistrySettings(Map.of(), Duration.ofMillis(5)).withMaxConcurrency(2));
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<byte[]>> all = new ArrayList<>();
      for (int i = 0; i < 5; i++) {
        ImageReference reference = ImageReference.parse(host + "/r" + i + ":v1");
        all.add(threads.submit(() -> blob(client.open(reference, CredentialSource.ANONYMOUS))));
      }
      assertThat(two.await(20, TimeUnit.SECONDS)).isTrue();
      // a manifest does not wait for the blobs
      assertThat(
              client
                  .open(ImageReference.parse(host + "/m:v1"), CredentialSource.ANONYMOUS)
                  .manifest(Digest.of(MANIFEST)))
          .isEqualTo(MANIFEST);
      go.countDown();
      for (Future<byte[]> one : all) {
        assertThat(one.get()).isEqualTo(BLOB);
      }
    }
    assertThat(most).hasValue(2);
  }

  @Test
  void blobsAreLookedForFewAtOnce() throws Exception {
    CountDownLatch three = new CountDownLatch(3);
    CountDownLatch go = new CountDownLatch(1);
    AtomicInteger at = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    Digest gone = Digest.of("gone");
    handler =
        e -> {
          most.accumulateAndGet(at.incrementAndGet(), Math::max);
          three.countDown();
          await(go);
          at.decrementAndGet();
          e.sendResponseHeaders(e.getRequestURI().getPath().endsWith(gone.hex()) ? 404 : 200, -1);
        };
    RegistryClient client =
        new RegistryClient(
            new RegistrySettings(Map.of(), Duration.ofMillis(5)).withMaxConcurrency(2));
    Repository repository =
        client.open(ImageReference.parse(host + "/r:v1"), CredentialSource.ANONYMOUS);
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Boolean>> all = new ArrayList<>();
      for (int i = 0; i < 20; i++) {
        Digest wanted = i == 7 ? gone : Digest.of("blob " + i);
        all.add(threads.submit(() -> repository.has(wanted)));
      }
      assertThat(three.await(20, TimeUnit.SECONDS)).isTrue();
      Thread.sleep(200); // for the others to come too, if nothing keeps them
      go.countDown();
      for (int i = 0; i < all.size(); i++) {
        assertThat(all.get(i).get()).isEqualTo(i != 7);
      }
    }
    assertThat(most).hasValue(3);
  }

  @Test
  void tokenIsFetchedWithTheCredentialsAndReused() throws Exception {
    handler =
        e -> {
          String path = e.getRequestURI().getPath();
          String authorization = e.getRequestHeaders().getFirst("Authorization");
          if (path.equals("/token")) {
            answer(e, basic("u", "p").equals(authorization) ? 200 : 401, "{\"token\":\"tok\"}");
          } else if ("Bearer tok".equals(authorization)) {
            manifest(e);
          } else {
            e.getResponseHeaders()
                .set(
                    "WWW-Authenticate",
                    "Bearer realm=\"http://"
                        + host
                        + "/token\",service=\"s\","
                        + "scope=\"repository:a/b:pull\"");
            answer(e, 401, "");
          }
        };
    Repository repository = open(h -> Optional.of(new Credentials("u", "p")), Map.of());
    repository.resolve();
    repository.manifest(Digest.of(MANIFEST));
    assertThat(requests)
        .containsExactly(
            "HEAD /v2/a/b/manifests/v1 []",
            "GET /token?service=s&scope=repository%3Aa%2Fb%3Apull [" + basic("u", "p") + "]",
            "HEAD /v2/a/b/manifests/v1 [Bearer tok]",
            "GET /v2/a/b/manifests/" + Digest.of(MANIFEST) + " [Bearer tok]");
    assertThatThrownBy(() -> open().resolve())
        .satisfies(
            e -> assertThat(BuildException.categoryOf(e)).isEqualTo(Category.PERMISSION_DENIED));
  }

  private static String basic(String user, String secret) {
    return "Basic "
        + Base64.getEncoder()
            .encodeToString((user + ":" + secret).getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void redirectToAnotherHostCarriesNoCredentials() throws Exception {
    String other =
        serve(e -> {
          e.sendResponseHeaders(200, BLOB.length);
          e.getResponseBody().write(BLOB);
        });
    handler =
        e -> {
          if (e.getRequestHeaders().getFirst("Authorization") == null) {
            e.getResponseHeaders().set("WWW-Authenticate", "Basic realm=\"x\"");
            answer(e, 401, "");
          } else {
            e.getResponseHeaders().set("Location", "http://" + other + "/blob");
            answer(e, 307, "");
          }
        };
    assertThat(blob(open(h -> Optional.of(new Credentials("u", "p")), Map.of()))).isEqualTo(BLOB);
    assertThat(requests.getLast()).isEqualTo("GET /blob []");
  }

  @Test
  void redirectsEnd() {
    handler =
        e -> {
          e.getResponseHeaders().set("Location", e.getRequestURI().toString());
          answer(e, 302, "");
        };
    assertThatThrownBy(() -> open().resolve()).hasMessageContaining("stopped after 10 redirects");
  }

  @Test
  void mirrorIsTriedFirstAndPassedOver() throws Exception {
    String mirror =
        serve(e -> {
          if (e.getRequestURI().getPath().endsWith("/v1")) {
            manifest(e);
          } else {
            answer(e, 404, "");
          }
        });
    handler = RepositoryTest::manifest;
    Repository repository =
        open(
            CredentialSource.ANONYMOUS,
            Map.of(
                host,
                new RegistrySettings.Host(
                    Optional.empty(), false, List.of(mirror + "/sub"), List.of(), List.of())));
    repository.resolve();
    repository.manifest(Digest.of(MANIFEST));
    assertThat(requests)
        .containsExactly(
            "HEAD /v2/sub/a/b/manifests/v1?ns=" + host + " []",
            "GET /v2/sub/a/b/manifests/" + Digest.of(MANIFEST) + "?ns=" + host + " []",
            "GET /v2/a/b/manifests/" + Digest.of(MANIFEST) + " []");
  }

  @Test
  void silentTransferIsBrokenOffAndTakenUp() throws Exception {
    AtomicInteger count = new AtomicInteger();
    java.util.concurrent.CountDownLatch over = new java.util.concurrent.CountDownLatch(1);
    handler =
        e -> {
          int from = e.getRequestHeaders().containsKey("Range") ? 1000 : 0;
          contentRange(e, from, BLOB.length);
          e.sendResponseHeaders(from > 0 ? 206 : 200, BLOB.length - from);
          if (count.getAndIncrement() == 0) {
            e.getResponseBody().write(BLOB, 0, 1000);
            e.getResponseBody().flush();
            try {
              over.await();
            } catch (InterruptedException x) {
              throw new IOException(x);
            }
          }
          e.getResponseBody().write(BLOB, from, BLOB.length - from);
        };
    servers.getFirst().stop(0);
    servers.clear();
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(dev.buildd.base.concurrent.Threads.perTask("server"));
    server.createContext("/", e -> handler.handle(e));
    server.start();
    servers.add(server);
    host = "localhost:" + server.getAddress().getPort();
    Repository repository =
        new RegistryClient(
                new RegistrySettings(Map.of(), Duration.ofMillis(5))
                    .withPatience(Duration.ofMillis(300)))
            .open(ImageReference.parse(host + "/a/b:v1"), CredentialSource.ANONYMOUS);
    assertThat(blob(repository)).isEqualTo(BLOB);
    assertThat(count).hasValue(2);
    over.countDown();
  }

  @Test
  void missingIsNotFound() {
    assertThatThrownBy(() -> open().resolve())
        .hasMessage(host + "/a/b:v1: not found")
        .satisfies(e -> assertThat(BuildException.categoryOf(e)).isEqualTo(Category.NOT_FOUND));
    assertThatThrownBy(() -> blob(open())).hasMessageContaining(Digest.of(BLOB) + ": not found");
  }

  /** A blob as the puller takes it: into the content store, which checks it. */
  private void store(Repository repository, Path directory) throws Exception {
    ContentStore content = LocalContentStore.open(directory);
    try (ContentStore.Writer writer = content.write(BLOB_DESCRIPTOR.digest(), BLOB.length)) {
      repository.blob(BLOB_DESCRIPTOR, writer.stream(), n -> {});
      writer.commit();
    }
  }

  @Test
  void blobOfWrongLengthOrDigestIsRefused(@TempDir Path temp) {
    byte[] wrong = BLOB.clone();
    wrong[17] ^= 1;
    for (byte[] body :
        List.of(wrong, Arrays.copyOf(BLOB, 100), Arrays.copyOf(BLOB, BLOB.length + 1))) {
      handler =
          e -> {
            if (e.getRequestHeaders().containsKey("Range")) {
              answer(e, 416, "");
              return;
            }
            e.sendResponseHeaders(200, body.length);
            e.getResponseBody().write(body);
          };
      assertThatThrownBy(() -> store(open(), temp.resolve(String.valueOf(body.length))))
          .as("%d bytes", body.length)
          .satisfies(e ->
              assertThat(BuildException.categoryOf(e)).isEqualTo(Category.FAILED_PRECONDITION));
    }
  }

  private Handler wantsToken(String realm) {
    return e -> {
      e.getResponseHeaders()
          .set("WWW-Authenticate", "Bearer realm=\"" + realm + "\",service=\"s\"");
      answer(e, 401, "");
    };
  }

  @Test
  void tokenServerThatLeadsToAnotherHostIsNotFollowed() throws Exception {
    String other = serve(e -> answer(e, 200, "{\"token\":\"tok\"}"));
    handler =
        e -> {
          if (e.getRequestURI().getPath().equals("/token")) {
            e.getResponseHeaders().set("Location", "http://" + other + "/elsewhere");
            answer(e, 307, "");
          } else {
            wantsToken("http://" + host + "/token").handle(e);
          }
        };
    for (Credentials credentials :
        List.of(new Credentials("u", "s3cret-1"), new Credentials("", "s3cret-1"))) {
      assertThatThrownBy(() -> open(h -> Optional.of(credentials), Map.of()).resolve())
          .hasMessageContaining("307")
          .satisfies(RepositoryTest::tellsNoSecret);
    }
    assertThat(requests).noneMatch(request -> request.contains("/elsewhere"));
  }

  private static void tellsNoSecret(Throwable failure) {
    StringWriter text = new StringWriter();
    failure.printStackTrace(new PrintWriter(text));
    assertThat(text.toString())
        .doesNotContain("s3cret")
        .doesNotContain(basic("u", "s3cret-1").substring("Basic ".length()));
  }

  @Test
  void hostOfARedirectGetsNoCredentialsByAskingForThem() throws Exception {
    AtomicReference<String> self = new AtomicReference<>("");
    String other =
        serve(e -> {
          if (e.getRequestURI().getPath().equals("/token")) {
            answer(e, 200, "{\"token\":\"tok\"}");
          } else {
            wantsToken("http://" + self.get() + "/token").handle(e);
          }
        });
    self.set(other);
    handler =
        e -> {
          e.getResponseHeaders().set("Location", "http://" + other + "/blob?signature=s3cret-2");
          answer(e, 307, "");
        };
    assertThatThrownBy(
            () -> blob(open(h -> Optional.of(new Credentials("u", "s3cret-1")), Map.of())))
        .satisfies(RepositoryTest::tellsNoSecret)
        .satisfies(
            e -> assertThat(BuildException.categoryOf(e)).isEqualTo(Category.PERMISSION_DENIED));
    assertThat(requests).noneMatch(request -> request.contains("/token"));
  }

  @Test
  void strangeTokenServersAreRefused() {
    for (String realm : new String[] {"", "file:///etc/passwd", "ht tp://x", "http://", "//x/y"}) {
      handler = wantsToken(realm);
      assertThatThrownBy(() -> open().resolve())
          .as(realm)
          .hasMessageContaining("invalid token realm");
    }
  }

  @Test
  void secretsAreInNoText() {
    AtomicInteger count = new AtomicInteger();
    handler =
        e -> {
          String authorization = String.valueOf(e.getRequestHeaders().get("Authorization"));
          if (e.getRequestURI().getPath().equals("/token")) {
            answer(e, 200, "{\"token\":\"s3cret-token\"}");
          } else if (!authorization.contains("s3cret-token")) {
            wantsToken("http://" + host + "/token").handle(e);
          } else {
            answer(e, count.incrementAndGet() < 3 ? 503 : 403, "you sent " + authorization);
          }
        };
    CredentialSource source = h -> Optional.of(new Credentials("u", "s3cret-1"));
    assertThatThrownBy(() -> open(source, Map.of()).manifest(Digest.of(MANIFEST)))
        .hasMessageContaining("you sent [Bearer [redacted]]")
        .satisfies(RepositoryTest::tellsNoSecret);
    assertThat(new Credentials("u", "s3cret-1").toString()).doesNotContain("s3cret");
  }
}
