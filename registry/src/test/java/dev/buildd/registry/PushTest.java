package dev.buildd.registry;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpExchange;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.MediaType;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.registry.auth.CredentialSource;
import dev.buildd.registry.auth.Credentials;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Pushes an index of two manifests, which share a layer, to a registry with bad habits. */
@Timeout(30)
final class PushTest {
  private static final String SECRET = "hunter2-secret";

  private final Map<Digest, byte[]> content = new HashMap<>();
  private final Map<Digest, String> origins = new HashMap<>();
  private final List<String> told = Collections.synchronizedList(new ArrayList<>());
  private FakeRegistry registry;
  private FakeRegistry other;
  private Descriptor shared;
  private Descriptor big;
  private Descriptor root;

  @BeforeEach
  void start() throws IOException {
    registry = new FakeRegistry();
    other = new FakeRegistry();
    shared = add(MediaType.OCI_LAYER, "shared layer");
    big = add(MediaType.OCI_LAYER, "0123456789".repeat(300_000));
    root =
        add(
            MediaType.OCI_INDEX,
            "{\"schemaVersion\":2,\"manifests\":["
                + json(image("a", shared))
                + ","
                + json(image("b", shared, big))
                + "]}");
  }

  @AfterEach
  void stop() {
    registry.close();
    other.close();
  }

  private Descriptor add(String mediaType, String text) {
    byte[] bytes = text.getBytes(UTF_8);
    content.put(Digest.of(bytes), bytes);
    return Descriptor.of(mediaType, Digest.of(bytes), bytes.length);
  }

  private Descriptor image(String config, Descriptor... layers) {
    List<String> all = new ArrayList<>();
    for (Descriptor layer : layers) {
      all.add(json(layer));
    }
    return add(
        MediaType.OCI_MANIFEST,
        "{\"schemaVersion\":2,\"config\":"
            + json(add("application/vnd.oci.image.config.v1+json", "{\"is\":\"" + config + "\"}"))
            + ",\"layers\":["
            + String.join(",", all)
            + "]}");
  }

  private static String json(Descriptor of) {
    return "{\"mediaType\":\""
        + of.mediaType()
        + "\",\"digest\":\""
        + of.digest()
        + "\",\"size\":"
        + of.size()
        + "}";
  }

  private final Push.Content source =
      new Push.Content() {
        @Override
        public void bring(Digest digest) {
          // all is here
        }

        @Override
        public InputStream read(Digest digest) {
          return new ByteArrayInputStream(readAll(digest));
        }

        @Override
        public byte[] readAll(Digest digest) {
          return java.util.Objects.requireNonNull(content.get(digest));
        }

        @Override
        public Optional<String> origin(Digest digest, String host) {
          return host.equals(registry.host())
              ? Optional.ofNullable(origins.get(digest))
              : Optional.empty();
        }
      };

  private void push() throws Exception {
    push(CredentialSource.ANONYMOUS);
  }

  private void push(CredentialSource credentials) throws Exception {
    Push push =
        new RegistryClient(new RegistrySettings(Map.of(), Duration.ofMillis(5)))
            .push(
                ImageReference.parse(registry.host() + "/a/b:v1"),
                credentials,
                false,
                source,
                (digest, done, size) -> told.add(digest + " " + done + "/" + size));
    push.blobs(root);
    push.manifests(root, false);
  }

  private static CredentialSource user(String name) {
    return host -> Optional.of(new Credentials(name, SECRET));
  }

  private List<String> sent(String method) {
    return registry.requests.stream().filter(r -> r.startsWith(method + " ")).toList();
  }

  private void assertArrived() {
    assertThat(registry.manifests.get("a/b:v1")).isEqualTo(content.get(root.digest()));
    assertThat(registry.blobs.get("a/b@" + big.digest())).isEqualTo(content.get(big.digest()));
  }

  private void assertTellsNoSecret(Throwable failure) {
    for (Throwable t = failure; t != null; t = t.getCause()) {
      assertThat(String.valueOf(t))
          .doesNotContain(SECRET)
          .doesNotContain(FakeRegistry.basic("u", SECRET).substring("Basic ".length()));
    }
  }

  /** Strikes the first requests of a method to a path with this in it. */
  private static FakeRegistry.Fault first(
      int count, String method, String path, FakeRegistry.Fault fault) {
    AtomicInteger seen = new AtomicInteger();
    return request ->
        request.getRequestMethod().equals(method)
            && request.getRequestURI().toString().contains(path)
            && seen.getAndIncrement() < count
            && fault.takes(request);
  }

  private static FakeRegistry.Fault status(int status, String body) {
    return request -> {
      FakeRegistry.answer(request, status, body);
      return true;
    };
  }

  private static FakeRegistry.Fault location(String location) {
    return request -> {
      request.getResponseHeaders().set("Location", location);
      FakeRegistry.answer(request, 202, "");
      return true;
    };
  }

  @Test
  void blobsGoBeforeManifestsAndLeavesBeforeTheRoot() throws Exception {
    push(); // the registry refuses a manifest of which it lacks a part
    assertArrived();
    List<String> puts = sent("PUT");
    assertThat(puts.subList(0, 4)).allMatch(put -> put.contains("/blobs/uploads/"));
    assertThat(puts.subList(4, 7)).allMatch(put -> put.contains("/manifests/"));
    assertThat(puts.getLast()).isEqualTo("PUT /v2/a/b/manifests/v1 []");
    assertThat(registry.manifests).hasSize(4); // three, and a tag
    assertThat(told).contains(big.digest() + " " + big.size() + "/" + big.size());
  }

  @Test
  void blobsThatAreThereAreSkipped() throws Exception {
    registry.blobs.put("a/b@" + shared.digest(), content.get(shared.digest()));
    registry.blobs.put("a/b@" + big.digest(), content.get(big.digest()));
    push();
    assertArrived();
    assertThat(sent("POST")).hasSize(2); // the configs
  }

  @Test
  void blobsAreTakenOverFromAnotherRepository() throws Exception {
    registry.blobs.put("base/image@" + big.digest(), content.get(big.digest()));
    origins.put(big.digest(), "base/image");
    origins.put(shared.digest(), "gone/image"); // which answers 202: upload it then
    push();
    assertArrived();
    assertThat(sent("POST"))
        .contains("POST /v2/a/b/blobs/uploads/?mount=" + big.digest() + "&from=base%2Fimage []");
    assertThat(sent("PUT").stream().filter(put -> put.contains("/blobs/"))).hasSize(3);
  }

  @Test
  void repositoryThatMayNotBeTakenFromIsDoneWithout() throws Exception {
    origins.put(shared.digest(), "private/image");
    registry.fault =
        first(1, "POST", "from=private", status(403, FakeRegistry.error("DENIED", "no")));
    push();
    assertArrived();
  }

  /** The token server knows that the user may not read there. */
  @Test
  void repositoryForWhichThereIsNoTokenIsDoneWithout() throws Exception {
    origins.put(shared.digest(), "private/image");
    FakeRegistry.Fault token = registry.wantsToken("repository:a/b:pull", "u", SECRET);
    registry.fault =
        request -> {
          String asked = request.getRequestURI().toString();
          if (asked.contains("from=private")) {
            request
                .getResponseHeaders()
                .set(
                    "WWW-Authenticate",
                    "Bearer realm=\""
                        + registry.url()
                        + "/token\",service=\"s\",scope=\"repository:a/b:pull,push"
                        + " repository:private/image:pull\"");
            FakeRegistry.answer(request, 401, "");
            return true;
          }
          if (asked.startsWith("/token") && asked.contains("private")) {
            FakeRegistry.answer(request, 403, FakeRegistry.error("DENIED", "no"));
            return true;
          }
          return token.takes(request);
        };
    push(user("u"));
    assertArrived();
  }

  @Test
  void basicAuthorization() throws Exception {
    registry.fault = FakeRegistry.wantsBasic("u", SECRET);
    push(user("u"));
    assertArrived();
    assertThat(sent("PUT")).allMatch(put -> put.endsWith(FakeRegistry.basic("u", SECRET) + "]"));
  }

  @Test
  void tokenAllowsPullAndPush() throws Exception {
    registry.fault = registry.wantsToken("repository:a/b:pull", "u", SECRET);
    push(user("u"));
    assertArrived();
    assertThat(sent("GET"))
        .isNotEmpty()
        .allMatch(
            get -> get.startsWith("GET /token?service=s&scope=repository%3Aa%2Fb%3Apull%2Cpush ["));
    assertThat(sent("PUT")).allMatch(put -> put.endsWith(" [Bearer tok]"));
  }

  @Test
  void refusalsAreNotArguedWithForLong() {
    registry.fault = request -> FakeRegistry.wantsBasic("somebody", "else").takes(request);
    assertThatThrownBy(() -> push(user("u")))
        .satisfies(
            e -> assertThat(BuildException.categoryOf(e)).isEqualTo(Category.PERMISSION_DENIED))
        .satisfies(this::assertTellsNoSecret)
        .hasMessageContaining(" to " + registry.host() + "/a/b:v1: push access denied, repository")
        .hasMessageContaining(": 401");
    assertThat(registry.requests.size()).isLessThan(20);
    registry.requests.clear();
    AtomicInteger tokens = new AtomicInteger();
    registry.fault =
        request -> {
          if (request.getRequestURI().getPath().equals("/token")) {
            FakeRegistry.answer(request, 200, "{\"token\":\"t" + tokens.incrementAndGet() + "\"}");
            return true;
          }
          return registry.wantsToken("repository:a/b:pull", "", "").takes(request);
        };
    assertThatThrownBy(this::push).hasMessageContaining("push access denied");
    assertThat(registry.requests.size()).isLessThan(40);
  }

  @Test
  void forbidden() {
    registry.fault = status(403, FakeRegistry.error("DENIED", "requested access is denied"));
    assertThatThrownBy(this::push)
        .satisfies(
            e -> assertThat(BuildException.categoryOf(e)).isEqualTo(Category.PERMISSION_DENIED))
        .hasMessageContaining("failed to copy blob sha256:")
        .hasMessageContaining("403: DENIED: requested access is denied");
    assertThat(sent("HEAD").size()).isLessThanOrEqualTo(4);
    assertThat(sent("POST").size()).isLessThanOrEqualTo(4);
    assertThat(sent("PUT")).isEmpty();
  }

  @Test
  void busyRegistryIsGivenTheTimeItAsksFor() throws Exception {
    registry.fault =
        first(
            1,
            "PUT",
            "/manifests/v1",
            request -> {
              request.getResponseHeaders().set("Retry-After", "1");
              return status(429, "").takes(request);
            });
    long began = System.nanoTime();
    push();
    assertArrived();
    assertThat(Duration.ofNanos(System.nanoTime() - began)).isGreaterThan(Duration.ofMillis(900));
  }

  @Test
  void passingFailuresAreTriedAgain() throws Exception {
    FakeRegistry.Fault broken = first(2, "POST", "", status(500, "oops"));
    FakeRegistry.Fault cut =
        first(
            2,
            "PUT",
            "/blobs/uploads/",
            request -> {
              request.getRequestBody().readNBytes(10);
              throw new IOException("cut");
            });
    FakeRegistry.Fault busy = first(1, "PUT", "/manifests/", status(503, ""));
    registry.fault = request -> broken.takes(request) || cut.takes(request) || busy.takes(request);
    push();
    assertArrived();
  }

  @Test
  void failuresThatDoNotPassAreTold() {
    registry.fault = first(100, "PUT", "/blobs/uploads/", status(502, "bad gateway"));
    assertThatThrownBy(this::push)
        .satisfies(e -> assertThat(BuildException.categoryOf(e)).isEqualTo(Category.UNAVAILABLE))
        .hasMessageContaining("failed to copy blob sha256:")
        .hasMessageContaining(
            "unexpected status from PUT request to " + registry.url() + "/v2/a/b/blobs/uploads/")
        .hasMessageContaining(": 502: bad gateway");
  }

  @Test
  void uploadsGoWhereTheRegistrySays() throws Exception {
    registry.uploadBase = registry.url();
    push();
    assertArrived();
  }

  @Test
  void anotherHostIsSentBlobsButNoCredentials() throws Exception {
    registry.fault = FakeRegistry.wantsBasic("u", SECRET);
    registry.uploadBase = other.url();
    other.fault =
        request -> {
          registry.blobs.put(
              "a/b@" + FakeRegistry.query(request).get("digest"),
              request.getRequestBody().readAllBytes());
          FakeRegistry.answer(request, 201, "");
          return true;
        };
    push(user("u"));
    assertArrived();
    assertThat(other.requests).hasSize(4).allMatch(r -> r.startsWith("PUT") && r.endsWith(" []"));
  }

  @Test
  void anotherHostGetsNoCredentialsByAskingForThem() {
    registry.fault = FakeRegistry.wantsBasic("u", SECRET);
    registry.uploadBase = other.url();
    other.fault = other.wantsToken("repository:a/b:pull,push", "u", SECRET);
    assertThatThrownBy(() -> push(user("u"))).hasMessageContaining("push access denied");
    other.fault = FakeRegistry.wantsBasic("u", SECRET);
    assertThatThrownBy(() -> push(user("u"))).hasMessageContaining("push access denied");
    assertThat(other.requests).isNotEmpty().allMatch(r -> r.startsWith("PUT") && r.endsWith(" []"));
  }

  @Test
  void strangeUploadAddressesAreRefused() {
    for (String address :
        new String[] {
          "file:///etc/passwd",
          "ftp://localhost/x",
          "http://",
          "//",
          "http://u:p@localhost/x",
          "/x#frag",
          "gopher:x",
          "ht tp://x"
        }) {
      registry.fault = first(100, "POST", "", location(address));
      assertThatThrownBy(this::push)
          .as(address)
          .hasMessageContaining("failed to copy blob sha256:")
          .hasMessageMatching("(?s).*registry gave an (invalid upload|upload) address.*");
    }
    registry.fault = first(100, "POST", "", status(202, ""));
    assertThatThrownBy(this::push)
        .hasMessageContaining(
            " to " + registry.host() + "/a/b:v1: registry gave no place to upload");
    assertThat(sent("PUT")).isEmpty();
  }

  @Test
  void refusedManifestIsToldWithTheRegistrysWords() {
    registry.fault =
        first(
            100,
            "PUT",
            "/manifests/",
            status(400, FakeRegistry.error("MANIFEST_INVALID", "manifest invalid")));
    assertThatThrownBy(this::push)
        .hasMessageContaining("failed to copy manifest sha256:")
        .hasMessageContaining(" to " + registry.host() + "/a/b:v1: ")
        .hasMessageContaining("400: MANIFEST_INVALID: manifest invalid");
    assertThat(sent("PUT").stream().filter(put -> put.contains("/manifests/"))).hasSize(1);
  }

  @Test
  void credentialsThatTheRegistryRepeatsAreNotTold() {
    registry.fault =
        request -> {
          if (FakeRegistry.authorization(request).isEmpty()) {
            return FakeRegistry.wantsBasic("u", SECRET).takes(request);
          }
          return status(403, "no " + FakeRegistry.authorization(request)).takes(request);
        };
    assertThatThrownBy(() -> push(user("u")))
        .hasMessageContaining("push access denied")
        .satisfies(this::assertTellsNoSecret);
  }

  @Test
  void insecureRegistryMayHaveNoTls() throws Exception {
    AtomicInteger handshakes = new AtomicInteger();
    try (ServerSocket front = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
      Threads.unstarted("front", () -> relay(front, handshakes)).start();
      String host = "localhost:" + front.getLocalPort();
      RegistrySettings.Host secure =
          new RegistrySettings.Host(Optional.of(false), false, List.of(), List.of(), List.of());
      Push push =
          new RegistryClient(new RegistrySettings(Map.of(host, secure), Duration.ofMillis(5)))
              .push(
                  ImageReference.parse(host + "/a/b:v1"),
                  CredentialSource.ANONYMOUS,
                  true,
                  source,
                  (digest, done, size) -> {});
      push.blobs(root);
      int tried = handshakes.get();
      assertThat(tried).isPositive();
      push.manifests(root, false);
      assertThat(handshakes).as("what answers is remembered").hasValue(tried);
      assertArrived();
    }
  }

  /** Hands connections on to the registry, but those that begin with TLS. */
  private void relay(ServerSocket front, AtomicInteger handshakes) {
    int port = Integer.parseInt(registry.host().substring("localhost:".length()));
    try {
      while (true) {
        Socket near = front.accept();
        int first = near.getInputStream().read();
        if (first == 0x16) {
          handshakes.incrementAndGet();
          near.close();
          continue;
        }
        Socket far = new Socket(InetAddress.getLoopbackAddress(), port);
        far.getOutputStream().write(first);
        Threads.unstarted("there", () -> copy(near, far)).start();
        Threads.unstarted("back", () -> copy(far, near)).start();
      }
    } catch (IOException e) {
      // the test is over
    }
  }

  private static void copy(Socket from, Socket to) {
    try (from;
        to) {
      from.getInputStream().transferTo(to.getOutputStream());
    } catch (IOException e) {
      // the other side has closed both
    }
  }

  @Test
  void rootGetsNoTagIfPushedByDigest() throws Exception {
    Push push =
        new RegistryClient(new RegistrySettings(Map.of(), Duration.ofMillis(5)))
            .push(
                ImageReference.parse(registry.host() + "/a/b"),
                CredentialSource.ANONYMOUS,
                false,
                source,
                (digest, done, size) -> {});
    push.blobs(root);
    push.manifests(root, true);
    assertThat(registry.manifests.keySet())
        .hasSize(3)
        .contains("a/b@" + root.digest())
        .allMatch(name -> name.startsWith("a/b@"));
  }

  @Test
  void interruptEndsAnUploadPromptly() throws Exception {
    CountDownLatch uploading = new CountDownLatch(1);
    CountDownLatch over = new CountDownLatch(1);
    registry.fault =
        first(
            100,
            "PUT",
            "/blobs/uploads/",
            request -> {
              uploading.countDown();
              await(over, request);
              return false;
            });
    CompletableFuture<Boolean> ended = new CompletableFuture<>();
    Thread pushing =
        Threads.unstarted(
            "push",
            () -> {
              try {
                push();
                ended.complete(true);
              } catch (Throwable e) {
                ended.completeExceptionally(e);
              }
            });
    pushing.start();
    uploading.await();
    pushing.interrupt();
    assertThatThrownBy(() -> ended.get(2, TimeUnit.SECONDS))
        .isInstanceOf(ExecutionException.class)
        .hasCauseInstanceOf(InterruptedException.class);
    over.countDown();
  }

  private static void await(CountDownLatch latch, HttpExchange request) throws IOException {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IOException(request.getRequestURI() + ": interrupted", e);
    }
  }
}
