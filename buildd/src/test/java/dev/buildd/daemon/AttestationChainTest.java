package dev.buildd.daemon;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.MediaType;
import dev.buildd.base.content.Platform;
import dev.buildd.base.json.Json;
import dev.buildd.client.BuildClient;
import dev.buildd.gateway.Result;
import dev.buildd.gateway.SourceMeta;
import dev.buildd.gateway.SourceMetaRequest;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Frontends ask what vouches for an image of a registry that lists referrers. */
@Tag("root")
@Timeout(value = 5, unit = TimeUnit.MINUTES)
final class AttestationChainTest {
  private static final String PROVENANCE = "https://slsa.dev/provenance/v1";
  private static final String BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";

  private static final SourceMetaRequest.Image CHAIN =
      new SourceMetaRequest.Image(false, true, List.of());

  @TempDir static Path temp;
  private static Machine machine;
  private static HttpServer registry;
  private static final Map<String, byte[]> contents = new HashMap<>(); // by address

  private static Map<String, Object> image;
  private static Map<String, Object> statement;
  private static Map<String, Object> attestation;
  private static Map<String, Object> bundle;
  private static Map<String, Object> signature;
  private static Map<String, Object> root;

  @BeforeAll
  static void start() throws Exception {
    Machine.busybox(temp);
    machine = new Machine(temp);
    registry = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    registry.createContext("/", AttestationChainTest::answer);
    registry.start();
    Map<String, Object> config = blob("x", "{}", Map.of());
    image = manifest("image", config, List.of());
    statement =
        blob("application/vnd.in-toto+json", "{}", Map.of("in-toto.io/predicate-type", PROVENANCE));
    attestation = manifest("attestation", config, List.of(statement));
    bundle = blob(BUNDLE, "signed", Map.of());
    signature = manifest("signature", config, List.of(bundle));
    root =
        put(
            "manifests/v1",
            index(
                with(image, "platform", platform("linux", "amd64")),
                with(
                    with(attestation, "platform", platform("unknown", "unknown")),
                    "annotations",
                    Map.of(
                        "vnd.docker.reference.type",
                        "attestation-manifest",
                        "vnd.docker.reference.digest",
                        image.get("digest")))));
    put(
        "referrers/" + attestation.get("digest"),
        index(with(image, "artifactType", "text/plain"), with(signature, "artifactType", BUNDLE)));
  }

  @AfterAll
  static void stop() {
    machine.close();
    registry.stop(0);
  }

  private static void answer(HttpExchange request) throws IOException {
    try (request) {
      byte[] content = contents.get(request.getRequestURI().getPath());
      if (content == null) {
        request.sendResponseHeaders(404, -1);
        return;
      }
      request.getResponseHeaders().set("Content-Type", MediaType.OCI_INDEX);
      if (request.getRequestMethod().equals("HEAD")) {
        request.getResponseHeaders().set("Docker-Content-Digest", Digest.of(content).toString());
        request.getResponseHeaders().set("Content-Length", String.valueOf(content.length));
        request.sendResponseHeaders(200, -1);
        return;
      }
      request.sendResponseHeaders(200, content.length);
      request.getResponseBody().write(content);
    }
  }

  private static Map<String, Object> put(String path, byte[] content) {
    contents.put("/v2/a/" + path, content);
    contents.put("/v2/a/manifests/" + Digest.of(content), content);
    return Map.of(
        "mediaType",
        MediaType.OCI_MANIFEST,
        "digest",
        Digest.of(content).toString(),
        "size",
        content.length);
  }

  private static Map<String, Object> blob(
      String type, String content, Map<String, Object> annotations) {
    byte[] bytes = content.getBytes(UTF_8);
    Map<String, Object> out = new HashMap<>(put("blobs/" + Digest.of(bytes), bytes));
    out.putAll(Map.of("mediaType", type, "annotations", annotations));
    return out;
  }

  private static Map<String, Object> manifest(
      String name, Map<String, Object> config, List<Object> layers) {
    return put(
        "manifests/" + name,
        Json.bytes(
            Map.of(
                "schemaVersion",
                2,
                "mediaType",
                MediaType.OCI_MANIFEST,
                "config",
                config,
                "layers",
                layers)));
  }

  private static Map<String, Object> platform(String os, String architecture) {
    return Map.of("os", os, "architecture", architecture);
  }

  private static byte[] index(Object... manifests) {
    return Json.bytes(
        Map.of(
            "schemaVersion", 2, "mediaType", MediaType.OCI_INDEX, "manifests", List.of(manifests)));
  }

  private static Map<String, Object> with(Map<String, Object> to, String key, Object value) {
    Map<String, Object> out = new HashMap<>(to);
    out.put(key, value);
    return out;
  }

  private static SourceMeta.Image resolve(SourceMetaRequest.Image image, String architecture)
      throws Exception {
    SourceMetaRequest request =
        SourceMetaRequest.of(
                "docker-image://localhost:" + registry.getAddress().getPort() + "/a:v1", Map.of())
            .withPlatform(Platform.of("linux", architecture))
            .withImage(image);
    AtomicReference<SourceMeta> out = new AtomicReference<>();
    try (BuildClient client = machine.client()) {
      client.build(
          gateway -> {
            out.set(gateway.resolveSourceMeta(request));
            return Result.empty();
          },
          machine.options(),
          status -> {});
    }
    return Objects.requireNonNull(out.get()).image().orElseThrow();
  }

  private static SourceMeta.Blob blob(
      SourceMeta.AttestationChain chain, Map<String, Object> descriptor) {
    return Objects.requireNonNull(
        chain.blobs().get(String.valueOf(descriptor.get("digest"))), "no such blob");
  }

  @Test
  void chainIsToldWithItsBlobs() throws Exception {
    SourceMeta.Image found = resolve(CHAIN, "amd64");
    assertThat(found.digest()).isEqualTo(root.get("digest"));
    assertThat(found.config()).isEmpty();
    SourceMeta.AttestationChain chain = found.attestations().orElseThrow();
    assertThat(chain.root()).isEqualTo(root.get("digest"));
    assertThat(chain.imageManifest()).isEqualTo(image.get("digest"));
    assertThat(chain.attestationManifest()).isEqualTo(attestation.get("digest"));
    assertThat(chain.signatureManifests()).containsExactly((String) signature.get("digest"));
    assertThat(chain.blobs().keySet())
        .containsExactlyInAnyOrder(
            (String) root.get("digest"),
            (String) attestation.get("digest"),
            (String) signature.get("digest"),
            (String) bundle.get("digest"));
    assertThat(blob(chain, bundle).data()).asString(UTF_8).isEqualTo("signed");
  }

  /** Asking for a type of attestation is asking for the chain. */
  @Test
  void attestationsOfATypeComeWithTheChain() throws Exception {
    SourceMeta.AttestationChain chain =
        resolve(new SourceMetaRequest.Image(false, false, List.of(PROVENANCE)), "amd64")
            .attestations()
            .orElseThrow();
    assertThat(blob(chain, statement))
        .satisfies(blob ->
            assertThat(blob.descriptor().annotations())
                .containsEntry("in-toto.io/predicate-type", PROVENANCE))
        .satisfies(blob -> assertThat(blob.data()).asString(UTF_8).isEqualTo("{}"));
  }

  @Test
  void platformThatIsNotThereHasNoChain() {
    assertThatThrownBy(() -> resolve(CHAIN, "s390x"))
        .hasMessageContaining("/a:v1: no manifest for platform linux/s390x");
  }
}
