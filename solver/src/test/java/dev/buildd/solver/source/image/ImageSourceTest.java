package dev.buildd.solver.source.image;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.MediaType;
import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.cache.CacheManager;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.LayerBlobs;
import dev.buildd.cache.Mounted;
import dev.buildd.cache.RefOptions;
import dev.buildd.llb.ResolveMode;
import dev.buildd.registry.RegistryClient;
import dev.buildd.registry.RegistrySettings;
import dev.buildd.session.SessionGroup;
import dev.buildd.session.SessionManager;
import dev.buildd.snapshot.LocalSnapshotter;
import dev.buildd.snapshot.OverlaySnapshotter;
import dev.buildd.snapshot.content.LocalContentStore;
import dev.buildd.snapshot.layer.LocalApplier;
import dev.buildd.snapshot.layer.LocalDiffer;
import dev.buildd.snapshot.store.MetadataStore;
import dev.buildd.solver.graph.Journal;
import dev.buildd.solver.graph.ProgressEvent;
import dev.buildd.solver.graph.VertexProgress;
import dev.buildd.solver.source.Source;
import dev.buildd.solver.source.SourceContext;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Tag("root")
@Timeout(60)
class ImageSourceTest {
  private static final Platform AMD64 = Platform.of("linux", "amd64");

  @TempDir Path temp;
  private LocalRegistry registry;
  private MetadataStore store;
  private LocalSnapshotter snapshots;
  private CacheManager cache;
  private LocalContentStore content;
  private ImageSource source;
  private LayerPuller layers;
  private LayerBlobs layerBlobs;
  private final SessionManager sessions = new SessionManager();
  private final Journal journal = new Journal();

  @BeforeEach
  void start() throws Exception {
    registry = LocalRegistry.start(Files.createDirectories(temp.resolve("registry")));
    open();
  }

  private void open() {
    store = MetadataStore.open(temp.resolve("metadata"));
    snapshots = OverlaySnapshotter.open(temp.resolve("snapshots"), store);
    cache =
        CacheManager.open(
            temp.resolve("cache"), store, snapshots, new LocalDiffer(snapshots), Clock.systemUTC());
    content = LocalContentStore.open(temp.resolve("content"));
    RegistryClient client =
        new RegistryClient(new RegistrySettings(Map.of(), Duration.ofMillis(10)));
    layerBlobs = new LayerBlobs(cache, content, content);
    layers =
        new LayerPuller(
            cache, content, content, new LocalApplier(content, temp), layerBlobs, client);
    source = new ImageSource(cache, layers, client, new ImageResolver(client, content));
  }

  private void closeStores() {
    cache.close();
    snapshots.close();
    store.close();
  }

  @AfterEach
  void stop() throws Exception {
    int holds = cache.holds();
    closeStores();
    sessions.close();
    registry.close();
    assertThat(holds).as("holds left").isZero();
    assertThat(temp.resolve("content/ingest")).isEmptyDirectory();
  }

  private VertexProgress progress() {
    return VertexProgress.standalone(journal, Digest.of("vertex"), "vertex");
  }

  private SourceContext context() {
    return new SourceContext(SessionGroup.of(sessions), progress());
  }

  private Source.Instance open(String image, Map<String, String> attributes) {
    return source.open("docker-image://" + registry.host() + "/" + image, attributes, AMD64);
  }

  private ImmutableRef fetch(String image) throws Exception {
    Source.Instance instance = open(image, Map.of());
    instance.key(context(), 0);
    return instance.fetch(context()).orElseThrow();
  }

  private byte[] layer(String name, String file, String text) throws Exception {
    Path directory = Files.createDirectories(temp.resolve("layers").resolve(name));
    Path path = directory.resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, text);
    return LocalRegistry.tar(directory, ".");
  }

  private static String read(ImmutableRef ref, String file) throws Exception {
    try (Mounted at = ref.mount()) {
      return Files.readString(at.path().resolve(file));
    }
  }

  private List<String> parts() {
    List<String> out = new ArrayList<>();
    for (ProgressEvent event : journal.snapshot()) {
      if (event instanceof ProgressEvent.Status status && status.completed().isPresent()) {
        out.add(status.id());
      }
    }
    return out;
  }

  @Test
  void pullsLayersInOrderWithWhiteouts() throws Exception {
    byte[] first = layer("one", "d/gone", "x");
    byte[] second = layer("two", "d/.wh.gone", "");
    byte[] third = layer("three", "new", "y");
    registry.pushImage("a/image", "v1", List.of(first, second, third));
    try (ImmutableRef ref = fetch("a/image:v1");
        Mounted at = ref.mount()) {
      assertThat(at.path().resolve("d")).isEmptyDirectory();
      assertThat(at.path().resolve("new")).hasContent("y");
      assertThat(ref.description()).isEqualTo("pulled from " + registry.host() + "/a/image:v1");
    }
    assertThat(parts())
        .contains(
            "resolve " + registry.host() + "/a/image:v1",
            Digest.of(LocalRegistry.gzip(third)).toString(),
            "extracting " + Digest.of(LocalRegistry.gzip(third)));
  }

  @Test
  void keysAreManifestThenChain() throws Exception {
    byte[] first = layer("one", "a", "1");
    byte[] second = layer("two", "b", "2");
    Digest manifest = registry.pushImage("img", "v1", List.of(first, second));
    Source.Instance instance = open("img:v1", Map.of());
    String json = "{\"Digest\":\"" + manifest + "\",\"OS\":\"linux\",\"Arch\":\"amd64\"}";
    assertThat(instance.key(context(), 0).value()).isEqualTo(Digest.of(json).toString());
    assertThat(instance.key(context(), 0).last()).isFalse();
    String chain = Digest.of(Digest.of(first) + " " + Digest.of(second)).toString();
    assertThat(instance.key(context(), 1).value()).isEqualTo(chain);
    assertThat(instance.key(context(), 1).last()).isTrue();
    Source.Instance limited = open("img:v1", Map.of("image.layerlimit", "1"));
    assertThat(limited.key(context(), 1).value()).isEqualTo(Digest.of(first).toString());
    assertThat(limited.key(context(), 0).value())
        .isEqualTo(Digest.of(json.replace("}", ",\"Limit\":1}")).toString());
    try (ImmutableRef ref = limited.fetch(context()).orElseThrow();
        Mounted at = ref.mount()) {
      assertThat(at.path().resolve("a")).exists();
      assertThat(at.path().resolve("b")).doesNotExist();
    }
  }

  @Test
  void equalLayersAreKeptOnceAndFoundAfterRestart() throws Exception {
    byte[] base = layer("one", "a", "1");
    registry.pushImage("x", "v1", List.of(base, layer("two", "b", "2")));
    registry.pushImage("y", "v1", List.of(base, layer("three", "c", "3")));
    String id;
    try (ImmutableRef x = fetch("x:v1");
        ImmutableRef y = fetch("y:v1")) {
      assertThat(cache.diskUsage(r -> true)).hasSize(3);
      assertThat(read(y, "c")).isEqualTo("3");
      assertThat(read(x, "b")).isEqualTo("2");
      id = x.id();
    }
    closeStores();
    open();
    List<String> before = parts();
    try (ImmutableRef x = fetch("x:v1")) {
      assertThat(x.id()).isEqualTo(id);
      assertThat(read(x, "a")).isEqualTo("1");
    }
    // resolved again, which is told in the place of the first time; nothing downloaded
    assertThat(parts()).containsExactlyInAnyOrderElementsOf(before);
    assertThat(parts()).last().isEqualTo("resolve " + registry.host() + "/x:v1");
  }

  @Test
  void sameImageAtOnceIsPulledOnce() throws Exception {
    List<byte[]> all = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      all.add(layer("l" + i, "f" + i, "content " + i));
    }
    registry.pushImage("many", "v1", all);
    try (Scope scope = Scope.open("pulls")) {
      for (int i = 0; i < 8; i++) {
        scope.fork(
            "pull " + i,
            () -> {
              try (ImmutableRef ref = fetch("many:v1")) {
                ref.prepare();
              }
            });
      }
      scope.join();
    }
    assertThat(cache.diskUsage(r -> true)).hasSize(5);
    assertThat(parts().stream().filter(part -> part.startsWith("extracting "))).hasSize(5);
  }

  private boolean isHere(byte[] layer) throws Exception {
    return content.info(Digest.of(LocalRegistry.gzip(layer))).isPresent();
  }

  @Test
  void nothingIsDownloadedBeforeAFileIsWanted() throws Exception {
    byte[] first = layer("one", "a", "1");
    byte[] second = layer("two", "b", "2");
    registry.pushImage("img", "v1", List.of(first, second));
    try (ImmutableRef ref = fetch("img:v1")) {
      assertThat(ref.isLazy()).isTrue();
      assertThat(ref.size()).isZero();
      ref.checkAvailable();
      assertThat(isHere(first) || isHere(second)).isFalse();

      List<ImmutableRef> chain = ref.layerChain();
      assertThat(read(chain.getFirst(), "a")).isEqualTo("1");
      assertThat(isHere(second)).as("what lies above was not wanted").isFalse();
      chain.forEach(ImmutableRef::close);

      assertThat(read(ref, "b")).isEqualTo("2");
      assertThat(ref.isLazy()).isFalse();
      assertThat(ref.size()).isPositive();
    }
  }

  @Test
  void lazyLayersAreKnownAfterARestart() throws Exception {
    byte[] first = layer("one", "a", "1");
    registry.pushImage("img", "v1", List.of(first, layer("two", "b", "2")));
    String id;
    try (ImmutableRef ref = fetch("img:v1")) {
      id = ref.id();
    }
    closeStores();
    open();
    try (ImmutableRef ref = cache.get(id)) {
      assertThat(ref.isLazy()).isTrue();
      assertThatThrownBy(ref::prepare).hasMessageContaining("nor known where to be had");
      assertThatThrownBy(ref::checkAvailable).hasMessageContaining("not found");
    }
    try (ImmutableRef ref = cache.get(id, layers.provider(context().sessions(), progress()))) {
      ref.checkAvailable();
      assertThat(isHere(first)).isFalse();
      assertThat(read(ref, "a")).isEqualTo("1");
    }
  }

  @Test
  void whatIsMadeOfLazyRefsIsLazy() throws Exception {
    registry.pushImage("x", "v1", List.of(layer("one", "a", "1"), layer("two", "b", "2")));
    registry.pushImage("y", "v1", List.of(layer("three", "b", "3")));
    try (ImmutableRef x = fetch("x:v1");
        ImmutableRef y = fetch("y:v1");
        ImmutableRef merged = cache.merge(List.of(x, y), RefOptions.of("merge"));
        ImmutableRef diff = cache.diff(Optional.of(y), Optional.of(merged), RefOptions.of("d"))) {
      assertThat(merged.isLazy() && diff.isLazy()).isTrue();
      assertThat(content.list()).as("manifests and configs").hasSize(4);
      try (Mounted at = diff.mount()) {
        assertThat(at.path().resolve("a")).hasContent("1");
        assertThat(at.path().resolve("b")).doesNotExist();
      }
      assertThat(x.isLazy() || y.isLazy() || merged.isLazy()).isFalse();
      assertThat(read(merged, "b")).isEqualTo("3");
    }
  }

  @Test
  void layersComeFromWhereTheyWereSeenLast() throws Exception {
    byte[] layer = layer("one", "a", "1");
    registry.pushImage("gone", "v1", List.of(layer));
    fetch("gone:v1").close();
    registry.delete("gone");
    registry.pushImage("kept", "v1", List.of(layer));
    try (ImmutableRef ref = fetch("kept:v1")) {
      assertThat(read(ref, "a")).isEqualTo("1");
    }
  }

  @Test
  void platformIsChosenFromTheIndex() throws Exception {
    Digest amd = registry.pushImage("multi", "amd", List.of(layer("one", "arch", "amd64")));
    Digest arm = registry.pushImage("multi", "arm", List.of(layer("two", "arch", "arm64")));
    List<Object> manifests = new ArrayList<>();
    Map<String, Digest> all = Map.of("arm64", arm, "amd64", amd);
    for (Map.Entry<String, Digest> entry : all.entrySet()) {
      manifests.add(
          Map.of(
              "mediaType",
              MediaType.OCI_MANIFEST,
              "digest",
              entry.getValue().toString(),
              "size",
              1,
              "platform",
              Map.of("os", "linux", "architecture", entry.getKey())));
    }
    registry.pushManifest(
        "multi",
        "v1",
        MediaType.OCI_INDEX,
        Map.of("schemaVersion", 2, "mediaType", MediaType.OCI_INDEX, "manifests", manifests));
    try (ImmutableRef ref = fetch("multi:v1")) {
      assertThat(read(ref, "arch")).isEqualTo("amd64");
    }
    Source.Instance other =
        source.open(
            "docker-image://" + registry.host() + "/multi:v1",
            Map.of(),
            Platform.of("linux", "s390x"));
    assertThatThrownBy(() -> other.key(context(), 0))
        .hasMessageContaining("no match for platform in manifest")
        .satisfies(e -> assertThat(BuildException.categoryOf(e)).isEqualTo(Category.NOT_FOUND));
  }

  @Test
  void missingImageIsNotFound() throws Exception {
    assertThatThrownBy(() -> open("nope:v9", Map.of()).key(context(), 0))
        .hasMessage(registry.host() + "/nope:v9: not found");
  }

  @Test
  void digestOfAnotherRepositoryIsNotFound() throws Exception {
    Digest evil = registry.pushImage("evil", "v1", List.of(layer("one", "a", "1")));
    registry.pushImage("good", "v1", List.of(layer("two", "b", "2")));
    fetch("evil:v1").close();
    assertThatThrownBy(() -> fetch("good@" + evil)).hasMessageContaining("not found");
    fetch("evil@" + evil).close();
  }

  @Test
  void checksumMustMatch() throws Exception {
    Digest digest = registry.pushImage("img", "v1", List.of(layer("one", "a", "1")));
    open("img:v1", Map.of("image.checksum", digest.toString())).key(context(), 0);
    assertThatThrownBy(() ->
            open("img:v1", Map.of("image.checksum", Digest.of("other").toString()))
                .key(context(), 0))
        .hasMessageContaining("does not match expected checksum");
    assertThatThrownBy(() -> open("img:v1", Map.of("image.layerlimit", "2")).key(context(), 0))
        .hasMessageContaining("layer limit 2 is greater than the number of layers in the image 1");
  }

  @Test
  void layerThatIsNotWhatTheConfigSaysLeavesNoFiles() throws Exception {
    byte[] tar = layer("one", "a", "1");
    byte[] blob = LocalRegistry.gzip(tar);
    Digest layer = registry.pushBlob("lie", blob);
    byte[] config =
        ("{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" + Digest.of("x") + "\"]}}")
            .getBytes(java.nio.charset.StandardCharsets.UTF_8);
    registry.pushImage(
        "lie",
        "v1",
        config,
        List.of(LocalRegistry.descriptor(MediaType.OCI_LAYER_GZIP, layer, blob.length)));
    try (ImmutableRef ref = fetch("lie:v1")) {
      assertThatThrownBy(ref::mount).hasMessageContaining("wrong diff id");
      assertThat(ref.isLazy()).isTrue();
    }
    assertThat(cache.diskUsage(r -> true)).hasSize(1);
    assertThat(snapshots.ids()).isEmpty();
  }

  @Test
  void manifestsAreNeededAsLongAsTheRefIs() throws Exception {
    Digest digest = registry.pushImage("img", "v1", List.of(layer("one", "a", "1")));
    try (ImmutableRef ref = fetch("img:v1")) {
      ref.prepare();
    }
    assertThat(source.needs(digest)).isTrue();
    content.collect(source::needs, Duration.ofSeconds(-1));
    assertThat(content.list()).hasSize(2);
    assertThat(source.needs(Digest.of("else"))).isFalse();
    content.collect(d -> false, Duration.ofSeconds(-1));
    assertThat(content.list()).isEmpty();
  }

  @Test
  void localModeAsksTheRegistryOnlyOnce() throws Exception {
    registry.pushImage("img", "v1", List.of(layer("one", "a", "1")));
    String first = open("img:v1", Map.of()).key(context(), 0).value();
    registry.pushImage("img", "v1", List.of(layer("two", "b", "2")));
    assertThat(open("img:v1", Map.of("image.resolvemode", "local")).key(context(), 0).value())
        .isEqualTo(first);
    assertThat(open("img:v1", Map.of()).key(context(), 0).value()).isNotEqualTo(first);
  }

  @Test
  void malformedAttributesAreRefused() {
    assertThatThrownBy(() -> open("img:v1", Map.of("image.resolvemode", "x")))
        .hasMessage("invalid resolvemode: x");
    assertThatThrownBy(() -> open("img:v1", Map.of("image.layerlimit", "-1")))
        .isInstanceOf(BuildException.class);
    assertThatThrownBy(() -> open("../x", Map.of())).isInstanceOf(BuildException.class);
  }

  @Test
  void imageWithoutLayersIsNothing() throws Exception {
    registry.pushImage("empty", "v1", List.of());
    Source.Instance instance = open("empty:v1", Map.of());
    instance.key(context(), 0);
    assertThat(instance.fetch(context())).isEmpty();
  }

  @Test
  void largeLayerComesInPieces() throws Exception {
    byte[] random = new byte[20 << 20];
    new Random(1).nextBytes(random);
    Path directory = Files.createDirectories(temp.resolve("layers/large"));
    Files.write(directory.resolve("f"), random);
    byte[] tar = LocalRegistry.tar(directory, ".");
    registry.pushImage("large", "v1", List.of(tar));
    try (ImmutableRef ref = fetch("large:v1");
        Mounted at = ref.mount()) {
      assertThat(at.path().resolve("f")).hasBinaryContent(random);
    }
    String blob = "GET /v2/large/blobs/" + Digest.of(LocalRegistry.gzip(tar)) + " HTTP/1.1\" 206 ";
    try (Stream<String> log = Files.lines(temp.resolve("registry/log"))) {
      assertThat(log.filter(line -> line.contains(blob)).count()).isGreaterThan(2);
    }
  }

  /** Debian's registry keeps no list of referrers, so that a tag stands in for it. */
  @Test
  void attestationsAreFoundWithTheirSignature() throws Exception {
    Digest image = registry.pushImage("vouched", "image", List.of(layer("one", "a", "1")));
    String type = "https://slsa.dev/provenance/v1";
    Digest wanted = registry.pushBlob("vouched", "{\"p\":1}".getBytes(UTF_8));
    Digest other = registry.pushBlob("vouched", "{\"sbom\":1}".getBytes(UTF_8));
    Digest attestation =
        pushManifest(
            "vouched",
            List.of(
                part(wanted, 7, Map.of("in-toto.io/predicate-type", type)),
                part(other, 10, Map.of("in-toto.io/predicate-type", "sbom"))));
    Digest bundle = registry.pushBlob("vouched", "signed".getBytes(UTF_8));
    Digest signature = pushManifest("vouched", List.of(part(bundle, 6, Map.of())));
    Map<String, Object> of =
        Map.of(
            "vnd.docker.reference.type",
            "attestation-manifest",
            "vnd.docker.reference.digest",
            image.toString());
    Digest root =
        pushIndex(
            "v1",
            List.of(
                entry(image, Map.of("platform", Map.of("os", "linux", "architecture", "amd64"))),
                entry(
                    attestation,
                    Map.of(
                        "annotations",
                        of,
                        "platform",
                        Map.of("os", "unknown", "architecture", "unknown")))));
    assertThat(metadata("v1", Optional.of(Set.of())).attestations().orElseThrow())
        .satisfies(chain -> assertThat(chain.signature()).isEmpty())
        .satisfies(chain -> assertThat(digests(chain)).containsExactly(root, attestation));
    pushIndex(
        attestation.toString().replace(':', '-'),
        List.of(
            entry(image, Map.of("artifactType", "text/plain")),
            entry(
                signature,
                Map.of("artifactType", "application/vnd.dev.cosign.artifact.sig.v1+json"))));
    ImageMetadata metadata = metadata("v1", Optional.of(Set.of(type)));
    assertThat(metadata.root()).isEqualTo(root);
    assertThat(metadata.config()).isEmpty();
    AttestationChain chain = metadata.attestations().orElseThrow();
    assertThat(chain.image()).isEqualTo(image);
    assertThat(chain.attestation()).contains(attestation);
    assertThat(chain.signature()).contains(signature);
    assertThat(digests(chain)).containsExactly(root, attestation, wanted, signature, bundle);
    assertThat(chain.blobs())
        .allSatisfy(b -> assertThat(b.descriptor().digest().isOf(b.content())).isTrue());
    assertThat(metadata("image", Optional.of(Set.of())).attestations()).isEmpty();
    assertThat(metadata("v1", Optional.empty()).attestations()).isEmpty();
  }

  private static List<Digest> digests(AttestationChain chain) {
    return chain.blobs().stream().map(blob -> blob.descriptor().digest()).toList();
  }

  private ImageMetadata metadata(String tag, Optional<Set<String>> attestations) throws Exception {
    return source.metadata(
        "docker-image://" + registry.host() + "/vouched:" + tag,
        Map.of(),
        new ImageMetadata.Request(AMD64, ResolveMode.DEFAULT, false, attestations),
        SessionGroup.of(sessions));
  }

  private static Map<String, Object> part(Digest blob, int size, Map<String, Object> annotations) {
    Map<String, Object> out =
        new HashMap<>(LocalRegistry.descriptor("application/vnd.in-toto+json", blob, size));
    out.put("annotations", annotations);
    return out;
  }

  private static Map<String, Object> entry(Digest manifest, Map<String, Object> more) {
    Map<String, Object> out =
        new HashMap<>(LocalRegistry.descriptor(MediaType.OCI_MANIFEST, manifest, 1));
    out.putAll(more);
    return out;
  }

  private Digest pushIndex(String tag, List<Object> manifests) throws Exception {
    return registry.pushManifest(
        "vouched",
        tag,
        MediaType.OCI_INDEX,
        Map.of("schemaVersion", 2, "mediaType", MediaType.OCI_INDEX, "manifests", manifests));
  }

  private Digest pushManifest(String repository, List<Object> layers) throws Exception {
    String tag = "part" + Digest.of(layers.toString()).hex().substring(0, 8);
    return registry.pushImage(repository, tag, "{}".getBytes(UTF_8), layers);
  }

  private ImmutableRef pull(Source.Instance image) throws Exception {
    ImmutableRef ref = image.fetch(context()).orElseThrow();
    try {
      ref.prepare();
      return ref;
    } catch (Exception e) {
      ref.close();
      throw e;
    }
  }

  /** A layer that expands to more than there is room for is removed, and the next one fits. */
  @Test
  void layerThatFillsTheDiskFailsAndLeavesNothing() throws Exception {
    closeStores();
    Path small = Files.createDirectories(temp.resolve("snapshots"));
    run("mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", small.toString());
    try {
      open();
      byte[] bomb = layer("bomb", "zeros", "\0".repeat(64 << 20));
      registry.pushImage("bomb", "v1", List.of(bomb));
      registry.pushImage("img", "v1", List.of(layer("one", "a", "1")));
      assertThatThrownBy(() -> pull(open("bomb:v1", Map.of())))
          .hasMessageStartingWith(registry.host() + "/bomb:v1: ")
          .hasMessageContaining(Digest.of(LocalRegistry.gzip(bomb)).toString())
          .hasMessageContaining("no space left on device")
          .satisfies(
              e -> assertThat(BuildException.categoryOf(e)).isEqualTo(Category.RESOURCE_EXHAUSTED));
      assertThat(snapshots.ids()).isEmpty();
      try (ImmutableRef ref = fetch("img:v1")) {
        assertThat(read(ref, "a")).isEqualTo("1");
      }
    } finally {
      closeStores();
      run("umount", small.toString());
      open();
    }
  }

  private static void run(String... command) throws Exception {
    assertThat(new ProcessBuilder(command).inheritIO().start().waitFor()).isZero();
  }

  @Test
  void layersKnowTheirRepositories() throws Exception {
    byte[] first = layer("one", "a", "1");
    registry.pushImage("a/image", "v1", List.of(first));
    Digest blob = Digest.of(LocalRegistry.gzip(first));
    fetch("a/image:v1").close();
    assertThat(layerBlobs.repository(blob, registry.host())).contains("a/image");
    assertThat(layerBlobs.repository(blob, "elsewhere")).isEmpty();
    layerBlobs.noteRepository(blob, "elsewhere", "x");
    layerBlobs.noteRepository(blob, registry.host(), "second");
    closeStores();
    open();
    assertThat(layerBlobs.repository(blob, "elsewhere")).contains("x");
    assertThat(layerBlobs.repository(blob, registry.host())).contains("a/image");
    assertThat(layerBlobs.repository(Digest.of("other"), registry.host())).isEmpty();
  }
}
