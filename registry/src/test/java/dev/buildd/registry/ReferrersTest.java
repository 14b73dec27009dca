package dev.buildd.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpExchange;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.MediaType;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.json.Json;
import dev.buildd.registry.auth.CredentialSource;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Lists of referrers (distribution-spec 1.1), as registries give them and as they should not. */
@Timeout(30)
final class ReferrersTest {
  private static final Digest SUBJECT = Digest.of("subject");
  private static final String LIST = "/v2/a/b/referrers/" + SUBJECT;
  private static final String TAG = "/v2/a/b/manifests/sha256-" + SUBJECT.hex();

  private FakeRegistry registry;
  private final Map<String, String> documents = new HashMap<>(); // by address
  private final Map<String, String> links = new HashMap<>(); // by address

  @BeforeEach
  void start() throws IOException {
    registry = new FakeRegistry();
    registry.fault = this::serve;
  }

  @AfterEach
  void stop() {
    registry.close();
  }

  private boolean serve(HttpExchange request) throws IOException {
    String address = request.getRequestURI().toString();
    String document = documents.get(address);
    if (links.containsKey(address)) {
      request.getResponseHeaders().set("Link", links.get(address));
    }
    FakeRegistry.answer(request, document == null ? 404 : 200, document == null ? "" : document);
    return true;
  }

  private static String index(String... artifacts) {
    List<Object> manifests = new ArrayList<>();
    for (String artifact : artifacts) {
      manifests.add(
          Map.of(
              "mediaType",
              MediaType.OCI_MANIFEST,
              "digest",
              Digest.of(artifact).toString(),
              "size",
              1,
              "artifactType",
              artifact.split(" ")[0]));
    }
    return new String(
        Json.bytes(
            Map.of("schemaVersion", 2, "mediaType", MediaType.OCI_INDEX, "manifests", manifests)),
        StandardCharsets.UTF_8);
  }

  private List<Digest> find(String... type) throws Exception {
    return new RegistryClient(new RegistrySettings(Map.of(), Duration.ofMillis(5)))
            .open(ImageReference.parse(registry.host() + "/a/b:v1"), CredentialSource.ANONYMOUS)
            .referrers(SUBJECT, type.length == 0 ? Optional.empty() : Optional.of(type[0]))
            .stream()
            .map(referrer -> referrer.descriptor().digest())
            .toList();
  }

  /** Whether or not the registry does. */
  @Test
  void listIsFilteredByType() throws Exception {
    documents.put(LIST, index("sig 1", "sbom 1", "sig 2"));
    documents.put(LIST + "?artifactType=sig", index("sig 1", "sbom 1", "sig 2"));
    assertThat(find()).containsExactly(Digest.of("sig 1"), Digest.of("sbom 1"), Digest.of("sig 2"));
    assertThat(find("sig")).containsExactly(Digest.of("sig 1"), Digest.of("sig 2"));
  }

  @Test
  void allPagesAreRead() throws Exception {
    documents.put(LIST, index("sig 1"));
    links.put(LIST, "<" + LIST + "?last=1>; rel=\"next\"");
    documents.put(LIST + "?last=1", index("sig 2"));
    links.put(LIST + "?last=1", "<?last=2>;rel=next");
    documents.put(LIST + "?last=2", index("sig 3"));
    links.put(LIST + "?last=2", "<" + LIST + ">; rel=\"first\"");
    assertThat(find()).containsExactly(Digest.of("sig 1"), Digest.of("sig 2"), Digest.of("sig 3"));
  }

  @Test
  void listThatLeadsElsewhereOrHasNoEndIsRefused() {
    documents.put(LIST, index("sig 1"));
    for (String address :
        List.of(
            "http://127.0.0.1:1" + LIST,
            "/v2/other/referrers/" + SUBJECT,
            "../../x",
            "http://a b/x")) {
      links.put(LIST, "<" + address + ">; rel=\"next\"");
      assertThatThrownBy(this::find)
          .as(address)
          .hasMessageStartingWith(registry.host() + "/a/b:v1: referrers/" + SUBJECT + ": ")
          .satisfies(
              e -> assertThat(BuildException.categoryOf(e)).isEqualTo(Category.INVALID_ARGUMENT));
    }
    links.put(LIST, "<" + LIST + ">; rel=\"next\"");
    assertThatThrownBy(this::find).hasMessageContaining("has no end");
  }

  @Test
  void tagStandsInForTheList() throws Exception {
    assertThat(find()).isEmpty();
    documents.put(TAG, index("sig 1", "sbom 1"));
    assertThat(find("sbom")).containsExactly(Digest.of("sbom 1"));
    assertThat(registry.requests).hasSize(4).last().asString().contains("GET " + TAG);
  }

  /** No signature is another thing than none that can be seen. */
  @Test
  void listThatFailsIsNotAnEmptyOne() {
    for (int status : List.of(403, 500)) {
      registry.fault =
          request -> {
            FakeRegistry.answer(request, status, "no");
            return true;
          };
      assertThatThrownBy(this::find).hasMessageContaining(String.valueOf(status));
    }
    registry.fault = this::serve;
    documents.put(LIST, "nothing");
    assertThatThrownBy(this::find).hasMessageContaining("referrers");
  }
}
