package dev.buildd.solver.source.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.http.HttpUrl;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.Stat;
import dev.buildd.cache.CacheManager;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.Mounted;
import dev.buildd.session.SessionGroup;
import dev.buildd.session.SessionManager;
import dev.buildd.snapshot.LocalSnapshotter;
import dev.buildd.snapshot.OverlaySnapshotter;
import dev.buildd.snapshot.layer.LocalDiffer;
import dev.buildd.snapshot.store.MetadataStore;
import dev.buildd.solver.graph.Journal;
import dev.buildd.solver.graph.Memo;
import dev.buildd.solver.graph.VertexProgress;
import dev.buildd.solver.source.Source;
import dev.buildd.solver.source.SourceContext;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.zip.GZIPOutputStream;
import org.bouncycastle.openpgp.api.OpenPGPKey;
import org.bouncycastle.openpgp.api.bc.BcOpenPGPApi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Tag("root")
@Timeout(30)
final class HttpSourceTest {
  private interface Handler {
    void handle(HttpExchange exchange) throws IOException;
  }

  @TempDir Path temp;
  private MetadataStore store;
  private LocalSnapshotter snapshots;
  private CacheManager cache;
  private HttpSource source;
  private HttpServer server;
  private String base;
  private Handler handler = e -> answer(e, 404, "");
  private final List<String> requests = Collections.synchronizedList(new ArrayList<>());
  private final SessionManager sessions = new SessionManager();
  private final Journal journal = new Journal();

  @BeforeEach
  void start() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/",
        exchange -> {
          requests.add(exchange.getRequestMethod() + " " + exchange.getRequestURI());
          handler.handle(exchange);
          exchange.close();
        });
    server.start();
    base = "http://localhost:" + server.getAddress().getPort();
    store = MetadataStore.open(temp.resolve("metadata"));
    snapshots = OverlaySnapshotter.open(temp.resolve("snapshots"), store);
    cache =
        CacheManager.open(
            temp.resolve("cache"), store, snapshots, new LocalDiffer(snapshots), Clock.systemUTC());
    source = new HttpSource(cache);
  }

  @AfterEach
  void stop() {
    int holds = cache.holds();
    cache.close();
    snapshots.close();
    store.close();
    sessions.close();
    server.stop(0);
    assertThat(holds).as("holds left").isZero();
  }

  private static void answer(HttpExchange exchange, int status, String body) throws IOException {
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    boolean empty = bytes.length == 0 || exchange.getRequestMethod().equals("HEAD");
    exchange.sendResponseHeaders(status, empty ? -1 : bytes.length);
    if (!empty) {
      exchange.getResponseBody().write(bytes);
    }
  }

  private SourceContext context() {
    return new SourceContext(
        SessionGroup.of(sessions),
        VertexProgress.standalone(journal, Digest.of("vertex"), "vertex"));
  }

  private Source.Instance open(String path, String... attributes) {
    Map<String, String> all = new HashMap<>();
    for (int i = 0; i < attributes.length; i += 2) {
      all.put(attributes[i], attributes[i + 1]);
    }
    return source.open(base + path, all, Platform.of("linux", "amd64"));
  }

  private ImmutableRef fetch(String path, String... attributes) throws Exception {
    Source.Instance instance = open(path, attributes);
    instance.key(context(), 0);
    return instance.fetch(context()).orElseThrow();
  }

  private Map<String, String> files(String path, String... attributes) throws Exception {
    Map<String, String> out = new HashMap<>();
    try (ImmutableRef ref = fetch(path, attributes);
        Mounted at = ref.mount();
        var entries = Files.list(at.path())) {
      for (Path file : entries.toList()) {
        out.put(String.valueOf(file.getFileName()), Files.readString(file));
      }
    }
    return out;
  }

  @Test
  void oddAddressesAndRedirectsToThemAreTaken() throws Exception {
    List<String> odd = List.of("/a|b", "/a{b}", "/a^b", "/a\"b", "/a b", "/a\\b", "/a<b>");
    for (String path : odd) {
      handler =
          e -> {
            if (e.getRequestURI().getPath().equals("/go")) {
              e.getResponseHeaders().set("Location", path);
              answer(e, 302, "");
            } else {
              answer(e, 200, "payload");
            }
          };
      assertThat(files(path, "http.filename", "f")).as(path).containsEntry("f", "payload");
      assertThat(files("/go?to=" + odd.indexOf(path), "http.filename", "f"))
          .as("redirect to " + path)
          .containsEntry("f", "payload");
    }
  }

  @Test
  void notModifiedThatNamesNoneOfWhatIsKnownIsAskedAnew() throws Exception {
    String[] current = {"one"};
    handler =
        e -> {
          String known = String.valueOf(e.getRequestHeaders().getFirst("If-None-Match"));
          if (known.contains(current[0])) {
            answer(e, 304, ""); // and does not say which of them
          } else {
            e.getResponseHeaders().set("ETag", "\"" + current[0] + "\"");
            answer(e, 200, current[0]);
          }
        };
    for (String version : new String[] {"one", "two", "one", "two"}) {
      current[0] = version;
      assertThat(files("/x")).containsEntry("x", version);
    }
  }

  @Test
  void fileWithItsAttributes() throws Exception {
    handler =
        e -> {
          e.getResponseHeaders().set("Last-Modified", "Mon, 01 Jan 2001 00:00:00 GMT");
          answer(e, 200, "hello");
        };
    try (ImmutableRef ref =
            fetch("/dir/f?x=1", "http.perm", "0751", "http.uid", "12", "http.gid", "13");
        Mounted at = ref.mount()) {
      Stat stat = Linux.lstat(at.path().resolve("f"));
      assertThat(stat.permissions()).isEqualTo(0751);
      assertThat(stat.uid()).isEqualTo(12);
      assertThat(stat.gid()).isEqualTo(13);
      assertThat(stat.mtimeNanos()).isEqualTo(978307200_000_000_000L);
      assertThat(ref.description()).isEqualTo("http url " + base + "/dir/f?x=1");
    }
    assertThat(requests).containsExactly("GET /dir/f?x=1");
    assertThat(files("/f")).containsExactly(Map.entry("f", "hello"));
    try (ImmutableRef ref = fetch("/f");
        Mounted at = ref.mount()) {
      assertThat(Linux.lstat(at.path().resolve("f")).permissions()).isEqualTo(0600);
    }
  }

  @Test
  void keyIsWhatBuildKitHashes() throws Exception {
    handler =
        e -> {
          e.getResponseHeaders().set("Last-Modified", "Mon, 01 Jan 2001 00:00:00 GMT");
          answer(e, 200, "hello");
        };
    assertThat(open("/f", "http.perm", "0600", "http.header.accept", "a/b").key(context(), 0))
        .satisfies(key -> {
          assertThat(key.last()).isTrue();
          assertThat(key.value())
              .isEqualTo(
                  Digest.of(
                          "{\"Filename\":\"f\",\"Perm\":384,\"UID\":0,\"GID\":0,\"Checksum\":\""
                              + Digest.of("hello")
                              + "\",\"LastModTime\":\"Mon, 01 Jan 2001 00:00:00 GMT\","
                              + "\"Header\":[{\"Name\":\"Accept\",\"Value\":\"a/b\"}]}")
                      .toString());
        });
  }

  @Test
  void unchangedFileIsNotDownloadedAgain() throws Exception {
    AtomicReference<String> content = new AtomicReference<>("one");
    handler =
        e -> {
          String tag = "\"" + content.get() + "\"";
          e.getResponseHeaders().set("ETag", "W/" + tag);
          boolean same =
              String.valueOf(e.getRequestHeaders().getFirst("If-None-Match")).contains(tag);
          answer(e, same ? 304 : 200, same ? "" : String.valueOf(content.get()));
        };
    assertThat(files("/f")).containsEntry("f", "one");
    assertThat(files("/f")).containsEntry("f", "one");
    assertThat(requests).containsExactly("GET /f", "HEAD /f");
    assertThat(files("/f", "http.filename", "g")).containsEntry("g", "one");
    content.set("two");
    requests.clear();
    assertThat(files("/f")).containsEntry("f", "two");
    assertThat(requests).containsExactly("HEAD /f", "GET /f");
    content.set("one");
    requests.clear();
    assertThat(files("/f")).containsEntry("f", "one");
    assertThat(requests).containsExactly("HEAD /f");
  }

  @Test
  void conditionAlsoWorksWhereHeadDoesNot() throws Exception {
    handler =
        e -> {
          if (e.getRequestMethod().equals("HEAD")) {
            answer(e, 405, "");
          } else if (e.getRequestHeaders().getFirst("If-None-Match") != null) {
            answer(e, 304, "");
          } else {
            e.getResponseHeaders().set("ETag", "\"t\"");
            answer(e, 200, "x");
          }
        };
    assertThat(files("/f")).containsEntry("f", "x");
    assertThat(files("/f")).containsEntry("f", "x");
    assertThat(requests).containsExactly("GET /f", "HEAD /f", "GET /f");
  }

  @Test
  void timesHaveThreeForms() {
    Optional<Instant> time = Optional.of(Instant.parse("1994-11-06T08:49:37Z"));
    assertThat(HttpDownload.time("Sun, 06 Nov 1994 08:49:37 GMT")).isEqualTo(time);
    assertThat(HttpDownload.time("Sunday, 06-Nov-94 08:49:37 GMT")).isEqualTo(time);
    assertThat(HttpDownload.time("Sun Nov  6 08:49:37 1994")).isEqualTo(time);
    assertThat(HttpDownload.time("Thursday, 06-Nov-25 08:49:37 UTC"))
        .hasValue(Instant.parse("2025-11-06T08:49:37Z"));
    assertThat(HttpDownload.time("yesterday")).isEmpty();
  }

  private static Digest sha512(String text) {
    return new Digest(
        Digest.Algorithm.SHA512,
        HexFormat.of()
            .formatHex(
                Digest.Algorithm.SHA512.newHash().digest(text.getBytes(StandardCharsets.UTF_8))));
  }

  @Test
  void whatAJobWasToldItGets() throws Exception {
    AtomicReference<String> content = new AtomicReference<>("one");
    handler =
        e -> {
          e.getResponseHeaders().set("ETag", "\"" + content.get() + "\"");
          answer(e, 200, String.valueOf(content.get()));
        };
    try (Memo memo = new Memo()) {
      SourceContext job =
          new SourceContext(SessionGroup.of(sessions), context().progress(), () -> List.of(memo));
      HttpSource.Metadata told = source.resolve(base + "/f", Map.of(), job);
      assertThat(told.digest()).isEqualTo(Digest.of("one"));
      content.set("two");
      Source.Instance instance = open("/f");
      instance.key(job, 0);
      try (ImmutableRef ref = instance.fetch(job).orElseThrow();
          Mounted at = ref.mount()) {
        assertThat(at.path().resolve("f")).hasContent("one");
      }
      assertThat(requests).containsExactly("GET /f");
      byte[] suffix = "!".getBytes(StandardCharsets.UTF_8);
      assertThat(source.checksum(base + "/f", Map.of(), Digest.Algorithm.SHA512, suffix, job))
          .isEqualTo(sha512("one!"));
    }
    assertThat(files("/f")).containsEntry("f", "two");
  }

  @Test
  void checksumIsPinned() throws Exception {
    handler = e -> answer(e, 200, "hello");
    Source.Instance good = open("/f", "http.checksum", Digest.of("hello").toString());
    good.key(context(), 0);
    assertThat(requests).isEmpty();
    good.fetch(context()).orElseThrow().close();
    Source.Instance bad = open("/f", "http.checksum", Digest.of("other").toString());
    bad.key(context(), 0);
    assertThatThrownBy(() -> bad.fetch(context()))
        .hasMessage("digest mismatch " + Digest.of("hello") + ": " + Digest.of("other"));
    assertThatThrownBy(() -> open("/f", "http.checksum", "x")).isInstanceOf(BuildException.class);
  }

  @Test
  void failureNamesTheStatus() {
    assertThatThrownBy(() -> fetch("/none")).hasMessage("invalid response status 404");
    handler = e -> answer(e, 500, "");
    assertThatThrownBy(() -> fetch("/none")).hasMessage("invalid response status 500");
    assertThatThrownBy(() -> fetch("/none", "http.authheadersecret", "s"))
        .hasMessage("failed to retrieve HTTP auth secret s: not found");
  }

  @Test
  void contentEncodingIsUndone() throws Exception {
    handler =
        e -> {
          ByteArrayOutputStream out = new ByteArrayOutputStream();
          try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
            gzip.write("plain".getBytes(StandardCharsets.UTF_8));
          }
          e.getResponseHeaders().set("Content-Encoding", "gzip");
          e.sendResponseHeaders(200, out.size());
          out.writeTo(e.getResponseBody());
        };
    assertThat(files("/f")).containsEntry("f", "plain");
  }

  private static String nameOf(String asked, Optional<String> disposition, String url) {
    return FileName.of(asked, disposition, HttpUrl.parse(url));
  }

  @Test
  void namesAreAlwaysPlain() {
    Optional<String> none = Optional.empty();
    assertThat(nameOf("", none, "http://h/a/b.tar?c=/d")).isEqualTo("b.tar");
    assertThat(nameOf("", none, "http://h/a%20b")).isEqualTo("a b");
    assertThat(nameOf("", none, "http://h/a%2f..")).isEqualTo("download");
    assertThat(nameOf("", none, "http://h/")).isEqualTo("download");
    assertThat(nameOf("../../x", none, "http://h/a")).isEqualTo("x");
    assertThat(nameOf("..", none, "http://h/a")).isEqualTo("download");
    assertThat(nameOf("a\0b", none, "http://h/a")).isEqualTo("download");
    assertThat(nameOf("", Optional.of("attachment; filename=\"x/../y z\""), "http://h/a"))
        .isEqualTo("y z");
    assertThat(nameOf("", Optional.of("attachment; filename=q"), "http://h/a")).isEqualTo("q");
    assertThat(nameOf("", Optional.of("attachment; filename=\"d/\""), "http://h/a")).isEqualTo("a");
    assertThat(nameOf("", Optional.of("attachment; filename*=UTF-8''%c3%a4"), "http://h/a"))
        .isEqualTo("\u00e4");
  }

  @Test
  void onlyHarmlessHeadersAreSent() throws Exception {
    handler =
        e ->
            answer(
                e,
                200,
                e.getRequestHeaders().getFirst("User-Agent")
                    + "|"
                    + e.getRequestHeaders().getFirst("Cookie"));
    assertThat(files("/f")).containsEntry("f", "buildkit/v0.32|null");
    assertThat(files("/f", "http.header.user-agent", "mine", "http.header.cookie", "stolen"))
        .containsEntry("f", "mine|null");
    assertThatThrownBy(() -> open("/f", "http.header.accept", "a\r\nX: y"))
        .hasMessage("invalid http header");
  }

  @Test
  void aFileWithASignatureIsVerifiedBeforeItIsThere() throws Exception {
    handler = e -> answer(e, 200, "signed");
    BcOpenPGPApi api = new BcOpenPGPApi();
    OpenPGPKey key = api.generateKey(4).ed25519x25519Key("k <k@example.com>").build();
    String keys = key.toCertificate().toAsciiArmoredString();
    String signature =
        api.createDetachedSignature()
            .addSigningKey(key)
            .sign(new ByteArrayInputStream("signed".getBytes(StandardCharsets.UTF_8)))
            .getFirst()
            .toAsciiArmoredString();
    String[] signed = {"http.sig.pubkey", keys, "http.sig.signature", signature};
    assertThat(files("/f", signed)).containsExactly(Map.entry("f", "signed"));
    assertThat(requests).containsExactly("GET /f");
    String[] pinned = {
      "http.checksum", Digest.of("signed").toString(), signed[0], keys, signed[2], signature
    };
    assertThat(files("/pinned", pinned)).containsExactly(Map.entry("pinned", "signed"));
    assertThat(requests).containsExactly("GET /f", "GET /pinned"); // and not a second time
    handler = e -> answer(e, 200, "changed");
    assertThatThrownBy(() -> open("/g", signed).key(context(), 0))
        .hasMessageStartingWith("failed to verify pgp signature: ");
  }

  @Test
  void malformedRequestsAreRefused() {
    assertThatThrownBy(() -> open("/f", "http.perm", "9x")).isInstanceOf(BuildException.class);
    assertThatThrownBy(() -> open("/f", "http.uid", "-1")).isInstanceOf(BuildException.class);
    assertThatThrownBy(() -> source.open("http://", Map.of(), Platform.of("linux", "amd64")))
        .isInstanceOf(BuildException.class);
    assertThatThrownBy(() -> open("/f", "http.sig.pubkey", "k"))
        .hasMessage("http signature verification requires both pubkey and signature");
  }

  @Test
  void interruptEndsTheDownload() throws Exception {
    try (ServerSocket silent = new ServerSocket(0)) {
      AtomicReference<Throwable> failure = new AtomicReference<>(new AssertionError("none"));
      base = "http://localhost:" + silent.getLocalPort();
      Thread thread =
          Threads.start(
              "download",
              () -> {
                try {
                  fetch("/f");
                } catch (Exception e) {
                  failure.set(e);
                }
              });
      silent.accept();
      thread.interrupt();
      thread.join();
      assertThat(failure.get()).isInstanceOf(InterruptedException.class);
    }
  }
}
