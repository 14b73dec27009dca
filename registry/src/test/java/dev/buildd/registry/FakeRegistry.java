package dev.buildd.registry;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.ImageManifest;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A registry that keeps what is pushed to it by the rules, and breaks them where a test says so.
 */
final class FakeRegistry implements AutoCloseable {
  private static final Pattern PATH =
      Pattern.compile("/v2/(.+)/(blobs/uploads|blobs|manifests)/([^/]*)");

  /** Something that goes wrong; it answers itself, or not at all. */
  @FunctionalInterface
  interface Fault {
    /**
     * @return whether it took the request
     */
    boolean takes(HttpExchange request) throws IOException;
  }

  final List<String> requests = Collections.synchronizedList(new ArrayList<>());
  final Map<String, byte[]> blobs = new ConcurrentHashMap<>(); // by repository@digest
  final Map<String, byte[]> manifests = new ConcurrentHashMap<>(); // by repository:tag or @digest
  volatile Fault fault = request -> false;
  volatile String uploadBase = "";

  private final AtomicInteger uploads = new AtomicInteger();
  private final HttpServer server;

  FakeRegistry() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(Threads.perTask("registry"));
    server.createContext("/", this::handle);
    server.start();
  }

  String host() {
    return "localhost:" + server.getAddress().getPort();
  }

  String url() {
    return "http://" + host();
  }

  private void handle(HttpExchange request) throws IOException {
    requests.add(
        request.getRequestMethod()
            + " "
            + request.getRequestURI()
            + " "
            + request.getRequestHeaders().getOrDefault("Authorization", List.of()));
    try (request) {
      if (!fault.takes(request)) {
        serve(request);
      }
    }
  }

  private void serve(HttpExchange request) throws IOException {
    Matcher path = PATH.matcher(request.getRequestURI().getPath());
    if (!path.matches()) {
      answer(request, 404, "");
      return;
    }
    String repository = path.group(1);
    String object = path.group(3);
    switch (path.group(2) + " " + request.getRequestMethod()) {
      case "blobs HEAD" -> answer(request, blobs.containsKey(repository + "@" + object));
      case "blobs GET" -> blob(request, repository + "@" + object);
      case "blobs/uploads POST" -> begin(request, repository);
      case "blobs/uploads PUT" -> upload(request, repository);
      case "manifests PUT" -> manifest(request, repository, object);
      default -> answer(request, 405, "");
    }
  }

  private static void answer(HttpExchange request, boolean there) throws IOException {
    answer(request, there ? 200 : 404, "");
  }

  static void answer(HttpExchange request, int status, String body) throws IOException {
    byte[] bytes = request.getRequestMethod().equals("HEAD") ? new byte[0] : body.getBytes(UTF_8);
    request.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
    request.getResponseBody().write(bytes);
  }

  private void blob(HttpExchange request, String key) throws IOException {
    byte[] blob = blobs.get(key);
    if (blob == null) {
      answer(request, 404, error("BLOB_UNKNOWN", "blob unknown to registry"));
      return;
    }
    Optional<Part> part = Part.of(request, blob.length);
    Part sent = part.orElse(new Part(0, blob.length));
    part.ifPresent(range -> range.addTo(request, blob.length));
    request.sendResponseHeaders(part.isPresent() ? 206 : 200, sent.length());
    request.getResponseBody().write(blob, sent.start, sent.length());
  }

  /** The part of a blob that a request is for. */
  record Part(int start, int end) {
    private static final Pattern RANGE = Pattern.compile("bytes=([0-9]+)-([0-9]*)");

    static Optional<Part> of(HttpExchange request, int size) {
      String header = request.getRequestHeaders().getFirst("Range");
      Matcher range = RANGE.matcher(String.valueOf(header));
      return range.matches()
          ? Optional.of(
              new Part(
                  Integer.parseInt(range.group(1)),
                  range.group(2).isEmpty() ? size : Integer.parseInt(range.group(2)) + 1))
          : Optional.empty();
    }

    int length() {
      return end - start;
    }

    void addTo(HttpExchange request, int size) {
      request
          .getResponseHeaders()
          .set("Content-Range", "bytes " + start + "-" + (end - 1) + "/" + size);
    }
  }

  private void begin(HttpExchange request, String repository) throws IOException {
    Map<String, String> query = query(request);
    String digest = query.getOrDefault("mount", "");
    byte[] mounted = blobs.get(query.getOrDefault("from", "") + "@" + digest);
    if (mounted != null) {
      blobs.put(repository + "@" + digest, mounted);
      answer(request, 201, "");
      return;
    }
    request
        .getResponseHeaders()
        .set(
            "Location",
            uploadBase
                + "/v2/"
                + repository
                + "/blobs/uploads/"
                + uploads.incrementAndGet()
                + "?_state=x");
    answer(request, 202, "");
  }

  private void upload(HttpExchange request, String repository) throws IOException {
    String digest = query(request).getOrDefault("digest", "");
    byte[] content = request.getRequestBody().readAllBytes();
    if (!query(request).containsKey("_state") || !Digest.of(content).toString().equals(digest)) {
      answer(request, 400, error("DIGEST_INVALID", "provided digest did not match"));
      return;
    }
    blobs.put(repository + "@" + digest, content);
    answer(request, 201, "");
  }

  private void manifest(HttpExchange request, String repository, String name) throws IOException {
    byte[] content = request.getRequestBody().readAllBytes();
    ImageManifest parsed = ImageManifest.parse(content, "manifest");
    List<Descriptor> parts = new ArrayList<>(parsed.layers());
    parsed.config().ifPresent(parts::add);
    boolean complete =
        parts.stream().allMatch(part -> blobs.containsKey(repository + "@" + part.digest()))
            && parsed.manifests().stream()
                .allMatch(one -> manifests.containsKey(repository + "@" + one.digest()));
    if (!complete) {
      answer(request, 400, error("MANIFEST_BLOB_UNKNOWN", "blob unknown to registry"));
      return;
    }
    manifests.put(repository + "@" + Digest.of(content), content);
    if (!name.contains(":")) {
      manifests.put(repository + ":" + name, content);
    }
    answer(request, 201, "");
  }

  /** Waits as a server may: not for ever, and with its own kind of failure. */
  static void await(CountDownLatch latch) throws IOException {
    try {
      if (!latch.await(20, TimeUnit.SECONDS)) {
        throw new IOException("nobody came");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException(e);
    }
  }

  static String error(String code, String message) {
    return "{\"errors\":[{\"code\":\"" + code + "\",\"message\":\"" + message + "\"}]}";
  }

  static Map<String, String> query(HttpExchange request) {
    Map<String, String> out = new HashMap<>();
    String query = Optional.ofNullable(request.getRequestURI().getRawQuery()).orElse("");
    for (String part : query.split("&")) {
      String[] pair = part.split("=", 2);
      out.merge(
          pair[0],
          pair.length == 1 ? "" : URLDecoder.decode(pair[1], UTF_8),
          (a, b) -> a + " " + b);
    }
    return out;
  }

  static String basic(String user, String secret) {
    return "Basic " + Base64.getEncoder().encodeToString((user + ":" + secret).getBytes(UTF_8));
  }

  static String authorization(HttpExchange request) {
    return Optional.ofNullable(request.getRequestHeaders().getFirst("Authorization")).orElse("");
  }

  /** Refuses all that comes without basic authorization. */
  static Fault wantsBasic(String user, String secret) {
    return request -> {
      if (authorization(request).equals(basic(user, secret))) {
        return false;
      }
      request.getResponseHeaders().set("WWW-Authenticate", "Basic realm=\"here\"");
      answer(request, 401, error("UNAUTHORIZED", "authentication required"));
      return true;
    };
  }

  /** Refuses all that comes without the token {@code tok}, which it gives to that user. */
  Fault wantsToken(String scope, String user, String secret) {
    return request -> {
      if (request.getRequestURI().getPath().equals("/token")) {
        boolean known = authorization(request).equals(basic(user, secret));
        answer(request, known ? 200 : 401, "{\"token\":\"tok\"}");
        return true;
      }
      if (authorization(request).equals("Bearer tok")) {
        return false;
      }
      request
          .getResponseHeaders()
          .set(
              "WWW-Authenticate",
              "Bearer realm=\"" + url() + "/token\",service=\"s\",scope=\"" + scope + "\"");
      answer(request, 401, error("UNAUTHORIZED", "authentication required"));
      return true;
    };
  }

  @Override
  public void close() {
    server.stop(0);
  }
}
