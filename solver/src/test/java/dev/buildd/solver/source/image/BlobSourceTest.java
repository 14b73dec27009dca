package dev.buildd.solver.source.image;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.content.Digest;
import dev.buildd.base.content.Platform;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.Stat;
import dev.buildd.cache.CacheManager;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.Mounted;
import dev.buildd.registry.RegistryClient;
import dev.buildd.registry.RegistrySettings;
import dev.buildd.session.SessionGroup;
import dev.buildd.session.SessionManager;
import dev.buildd.snapshot.LocalSnapshotter;
import dev.buildd.snapshot.OverlaySnapshotter;
import dev.buildd.snapshot.layer.LocalDiffer;
import dev.buildd.snapshot.store.MetadataStore;
import dev.buildd.solver.graph.Journal;
import dev.buildd.solver.graph.VertexProgress;
import dev.buildd.solver.source.Source;
import dev.buildd.solver.source.SourceContext;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Tag("root")
@Timeout(60)
class BlobSourceTest {
  @TempDir Path temp;
  private LocalRegistry registry;
  private MetadataStore store;
  private LocalSnapshotter snapshots;
  private CacheManager cache;
  private BlobSource source;
  private final SessionManager sessions = new SessionManager();

  @BeforeEach
  void start() throws Exception {
    registry = LocalRegistry.start(Files.createDirectories(temp.resolve("registry")));
    store = MetadataStore.open(temp.resolve("metadata"));
    snapshots = OverlaySnapshotter.open(temp.resolve("snapshots"), store);
    cache =
        CacheManager.open(
            temp.resolve("cache"), store, snapshots, new LocalDiffer(snapshots), Clock.systemUTC());
    source =
        new BlobSource(
            cache, new RegistryClient(new RegistrySettings(Map.of(), Duration.ofMillis(10))));
  }

  @AfterEach
  void stop() throws Exception {
    int holds = cache.holds();
    cache.close();
    snapshots.close();
    store.close();
    sessions.close();
    registry.close();
    assertThat(holds).as("holds left").isZero();
  }

  private SourceContext context() {
    return new SourceContext(
        SessionGroup.of(sessions),
        VertexProgress.standalone(new Journal(), Digest.of("vertex"), "vertex"));
  }

  private Source.Instance open(String name, Map<String, String> attributes) {
    return source.open(
        "docker-image+blob://" + registry.host() + "/" + name,
        attributes,
        Platform.of("linux", "amd64"));
  }

  private String key(String name, Map<String, String> attributes) throws Exception {
    return open(name, attributes).key(context(), 0).value();
  }

  @Test
  void aBlobIsOneFileAsAskedFor() throws Exception {
    Digest blob = registry.pushBlob("some/thing", "content".getBytes(UTF_8));
    Map<String, String> attributes =
        Map.of(
            "http.filename", "dir/name", "http.perm", "0640", "http.uid", "12", "http.gid", "34");
    try (ImmutableRef ref = open("some/thing@" + blob, attributes).fetch(context()).orElseThrow();
        Mounted at = ref.mount()) {
      assertThat(at.path().toFile().list()).containsExactly("name");
      assertThat(at.path().resolve("name")).hasContent("content");
      Stat stat = Linux.lstat(at.path().resolve("name"));
      assertThat(List.of(stat.permissions(), stat.uid(), stat.gid())).containsExactly(0640, 12, 34);
      assertThat(stat.mtimeNanos()).isZero();
      assertThat(ref.description()).isEqualTo("blob " + registry.host() + "/some/thing@" + blob);
    }
  }

  @Test
  void withoutWishesItBearsItsDigest() throws Exception {
    Digest manifest = registry.pushImage("some/image", "v1", List.of());
    try (ImmutableRef ref =
            open("some/image@" + manifest, Map.of()).fetch(context()).orElseThrow();
        Mounted at = ref.mount()) {
      Path file = at.path().resolve(manifest.hex());
      assertThat(Files.readString(file)).as("a manifest").contains("\"config\"");
      assertThat(Linux.lstat(file).permissions()).isEqualTo(0600);
    }
  }

  @Test
  void keysAreBuildKits() throws Exception {
    Digest blob = Digest.of("content");
    assertThat(key("x@" + blob, Map.of("http.filename", " a/b ", "http.perm", "0644")))
        .isEqualTo(
            Digest.of(
                    "{\"Digest\":\""
                        + blob
                        + "\",\"Filename\":\"b\",\"Perm\":420,\"UID\":0,\"GID\":0}")
                .toString());
    assertThat(key("other@" + blob, Map.of())).isEqualTo(key("x@" + blob, Map.of()));
  }

  @Test
  void whatIsNotThereOrMalformedIsRefused() {
    Digest absent = Digest.of("absent");
    assertThatThrownBy(() -> open("x@" + absent, Map.of()).fetch(context()))
        .hasMessageContaining(absent + ": not found");
    assertThatThrownBy(() -> open("x:v1", Map.of())).hasMessageContaining("must have digest");
    assertThatThrownBy(() -> open("x@" + absent, Map.of("image.recordtype", "odd")))
        .hasMessage("invalid record type odd");
    assertThatThrownBy(() -> open("x@" + absent, Map.of("http.perm", "odd")))
        .hasMessage("invalid http.perm odd");
    assertThatThrownBy(() ->
            source.open("oci-layout+blob://x@" + absent, Map.of(), Platform.of("linux", "amd64")))
        .hasMessage("oci-layout blob source requires store id");
  }
}
