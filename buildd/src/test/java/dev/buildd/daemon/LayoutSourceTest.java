package dev.buildd.daemon;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.content.Digest;
import dev.buildd.base.content.MediaType;
import dev.buildd.base.content.Platform;
import dev.buildd.base.json.Json;
import dev.buildd.client.BuildClient;
import dev.buildd.client.SolveOptions;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.Reference;
import dev.buildd.gateway.Result;
import dev.buildd.gateway.SourceMeta;
import dev.buildd.gateway.SourceMetaRequest;
import dev.buildd.llb.Llb;
import dev.buildd.llb.OciLayoutOption;
import dev.buildd.llb.State;
import dev.buildd.session.filesync.FileSendTarget;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Images come from OCI layouts of the client: good ones, as skopeo writes them, and broken ones.
 */
@Tag("root")
@Timeout(value = 5, unit = TimeUnit.MINUTES)
final class LayoutSourceTest {
  private static final String STORE = "things";

  @TempDir static Path temp;
  private static Machine machine;
  private static Path layout;
  private static Digest root;

  @TempDir Path own;

  @BeforeAll
  static void start() throws Exception {
    Machine.busybox(temp);
    machine = new Machine(temp);
    State image =
        Llb.scratch().file(Llb.mkfile("/one", 0644, "one")).file(Llb.mkfile("/two", 0644, "two"));
    Path archive = temp.resolve("image.tar");
    var out = Files.newOutputStream(archive);
    try (BuildClient client = machine.client()) {
      client.solve(
          Optional.of(image.marshal()),
          machine
              .options()
              .withExports(
                  new SolveOptions.Export(
                      "oci",
                      Map.of(),
                      Optional.of(new FileSendTarget.Target.Stream(m -> Optional.of(out))))),
          status -> {});
    }
    layout = temp.resolve("layout");
    Programs.run(temp, "skopeo", "copy", "oci-archive:" + archive, "oci:" + layout + ":v1");
    root = entry(layout);
  }

  @AfterAll
  static void stop() {
    machine.close();
  }

  private static Map<String, Object> read(Path file) throws Exception {
    return Json.parseObject(Files.readAllBytes(file), file.toString());
  }

  private static Digest entry(Path directory) throws Exception {
    return Digest.parse(
        Json.text(
            Json.objects(read(directory.resolve("index.json")), "manifests").getFirst(), "digest"));
  }

  private static Path blob(Path directory, Digest digest) {
    return directory.resolve("blobs/sha256").resolve(digest.hex());
  }

  private static State image(Digest digest, OciLayoutOption... more) {
    OciLayoutOption[] all =
        Stream.concat(Stream.of(Llb.ociStore("", STORE)), Stream.of(more))
            .toArray(OciLayoutOption[]::new);
    return Llb.ociLayout("not/real@" + digest, all);
  }

  private static void build(State state, Path directory, Path out) throws Exception {
    try (BuildClient client = machine.client()) {
      client.solve(
          Optional.of(state.marshal()),
          machine
              .options()
              .withOciLayout(STORE, directory)
              .withExports(SolveOptions.Export.local(out)),
          status -> {});
    }
  }

  @Test
  void anImageIsReadFromALayout() throws Exception {
    build(image(root), layout, own);
    assertThat(own.resolve("one")).hasContent("one");
    assertThat(own.resolve("two")).hasContent("two");
  }

  @Test
  void onlyTheLowestLayersIfSoAsked() throws Exception {
    build(image(root, Llb.ociLayerLimit(1)), layout, own);
    assertThat(own.resolve("one")).hasContent("one");
    assertThat(own.resolve("two")).doesNotExist();
    assertThatThrownBy(() -> build(image(root, Llb.ociLayerLimit(3)), layout, own))
        .hasMessageContaining("layer limit 3 is greater than the number of layers in the image 2");
  }

  @Test
  void oneBlobIsAFile() throws Exception {
    State blob =
        Llb.ociLayoutBlob("not/real@" + root, Llb.blobStore("", STORE), Llb.filename("manifest"));
    build(blob, layout, own);
    assertThat(own.resolve("manifest")).hasSameBinaryContentAs(blob(layout, root));
    Path broken = copyOfLayout("broken");
    Digest digest = put(broken, "whole".getBytes(UTF_8));
    Files.writeString(blob(broken, digest), "cut");
    assertThatThrownBy(
            () -> build(Llb.ociLayoutBlob("x@" + digest, Llb.blobStore("", STORE)), broken, own))
        .hasMessageContaining("unexpected digest of blob: got " + Digest.of("cut"));
    Digest absent = Digest.of("absent");
    assertThatThrownBy(
            () -> build(Llb.ociLayoutBlob("x@" + absent, Llb.blobStore("", STORE)), broken, own))
        .hasMessageContaining("content " + absent + ": not found");
  }

  private static SourceMeta resolve(GatewayClient gateway, String session)
      throws InterruptedException {
    return gateway.resolveSourceMeta(
        SourceMetaRequest.of(
            "oci-layout://not/real@" + root, Map.of("oci.session", session, "oci.store", STORE)));
  }

  @Test
  void frontendsAreToldOfItsConfig() throws Exception {
    try (BuildClient client = machine.client()) {
      client.build(
          gateway -> {
            assertThat(gateway.llbCaps()).contains("source.ocilayout");
            SourceMeta found = resolve(gateway, gateway.sessionId());
            assertThat(found.identifier()).isEqualTo("oci-layout://not/real@" + root);
            SourceMeta.Image told = found.image().orElseThrow();
            assertThat(told.digest()).isEqualTo(root.toString());
            assertThat(told.config()).asString(UTF_8).contains("\"diff_ids\"");
            assertThatThrownBy(() -> resolve(gateway, "nobody"))
                .hasMessageContaining("no active session for nobody");
            return Result.empty();
          },
          machine.options().withOciLayout(STORE, layout),
          status -> {});
    }
  }

  @Test
  void whatTheClientDoesNotOfferIsNotThere() throws Exception {
    assertThatThrownBy(
            () -> build(Llb.ociLayout("not/real@" + root, Llb.ociStore("", "nope")), layout, own))
        .hasMessageContaining("unable to get info about digest")
        .hasMessageContaining("unknown store oci:nope");
    assertThatThrownBy(() ->
            build(Llb.ociLayout("not/real@" + root, Llb.ociStore("gone", STORE)), layout, own))
        .hasMessageContaining("no active session for gone");
    Digest absent = Digest.of("absent");
    assertThatThrownBy(() -> build(image(absent), layout, own))
        .hasMessageContaining("content " + absent + ": not found");
    assertThatThrownBy(
            () -> build(Llb.ociLayout("not/real:v1", Llb.ociStore("", STORE)), layout, own))
        .hasMessageContaining("reference \"not/real:v1\" must have digest");
    try (BuildClient client = machine.client()) {
      assertThatThrownBy(() ->
              client.solve(Optional.of(image(root).marshal()), machine.options(), status -> {}))
          .hasMessageContaining("the client offers no OCI layouts");
    }
  }

  /** Two images, for two platforms, in one index. */
  private static Digest twoPlatforms(Path directory) throws Exception {
    Map<String, Object> platforms = new LinkedHashMap<>();
    platforms.put(
        "Platforms",
        Stream.of("amd64", "arm64")
            .map(a ->
                Map.of("ID", "linux/" + a, "Platform", Map.of("architecture", a, "os", "linux")))
            .toList());
    try (BuildClient client = machine.client()) {
      client.build(
          gateway -> {
            Map<String, Optional<Reference>> made = new LinkedHashMap<>();
            for (String arch : List.of("amd64", "arm64")) {
              State state =
                  Llb.scratch()
                      .file(
                          Llb.mkfile("/arch", 0644, arch),
                          Llb.platform(Platform.of("linux", arch)));
              Result one = gateway.solve(GatewayClient.Request.of(state.marshal()));
              made.put("linux/" + arch, one.single());
            }
            return Result.of(made).withMetadata("refs.platforms", Json.bytes(platforms));
          },
          machine
              .options()
              .withExports(
                  new SolveOptions.Export(
                      "oci",
                      Map.of("tar", "false"),
                      Optional.of(new FileSendTarget.Target.Layout(directory)))),
          status -> {});
    }
    return entry(directory);
  }

  @Test
  void theIndexOfSeveralPlatformsIsMadeAndChosenFrom() throws Exception {
    Path directory = own.resolve("index");
    Digest index = twoPlatforms(directory);
    assertThat(Json.objects(read(blob(directory, index)), "manifests"))
        .extracting(manifest -> Json.text(Json.object(manifest, "platform"), "architecture"))
        .containsExactly("amd64", "arm64");
    for (String arch : List.of("amd64", "arm64")) {
      Path copy = own.resolve("copy-" + arch);
      Programs.run(
          own,
          "skopeo",
          "copy",
          "--override-arch=" + arch,
          "oci:" + directory + ":latest",
          "oci:" + copy + ":x");
      build(image(index, Llb.platform(Platform.of("linux", arch))), directory, own);
      assertThat(own.resolve("arch")).hasContent(arch);
    }
    assertThatThrownBy(
            () -> build(image(index, Llb.platform(Platform.of("linux", "s390x"))), directory, own))
        .hasMessageContaining("no match for platform in manifest");
  }

  private Path copyOfLayout(String name) throws Exception {
    Path copy = own.resolve(name);
    try (Stream<Path> files = Files.walk(layout)) {
      for (Path file : files.toList()) {
        Files.copy(
            file, copy.resolve(layout.relativize(file)), StandardCopyOption.REPLACE_EXISTING);
      }
    }
    return copy;
  }

  private static Digest put(Path directory, byte[] content) throws Exception {
    Digest digest = Digest.of(content);
    Files.write(blob(directory, digest), content);
    return digest;
  }

  private static byte[] index(Digest manifest, long size) {
    return Json.bytes(
        Map.of(
            "schemaVersion",
            2L,
            "mediaType",
            MediaType.OCI_INDEX,
            "manifests",
            List.of(
                Map.of(
                    "mediaType",
                    MediaType.OCI_INDEX,
                    "digest",
                    manifest.toString(),
                    "size",
                    size,
                    "platform",
                    Map.of("os", "linux", "architecture", "amd64")))));
  }

  private void assertRefused(Path directory, Digest digest, String complaint) throws Exception {
    assertThatThrownBy(() -> build(image(digest), directory, own.resolve("out")))
        .hasMessageContaining(complaint);
    // of one broken layout others notice nothing
    build(image(root), layout, own.resolve("good"));
    assertThat(own.resolve("good/two")).hasContent("two");
  }

  @Test
  void manifestsThatAreNotWhatTheyMustBeAreRefused() throws Exception {
    Path directory = copyOfLayout("broken");
    Files.writeString(blob(directory, root), "{}");
    assertRefused(directory, root, "unexpected content of blob " + root);
    Files.delete(blob(directory, root));
    assertRefused(directory, root, "content " + root + ": not found");
    assertRefused(
        directory, put(directory, "no json".getBytes(UTF_8)), "neither an index nor a manifest");
    Digest config =
        Digest.parse(Json.text(Json.object(read(blob(layout, root)), "config"), "digest"));
    assertRefused(directory, config, "neither an index nor a manifest");
    assertRefused(
        directory,
        put(
            directory,
            Json.bytes(Map.of("mediaType", MediaType.OCI_MANIFEST, "manifests", List.of()))),
        "has no config");
    assertRefused(directory, put(directory, new byte[5 << 20]), "is too large");
  }

  @Test
  void indexesThatLeadNowhereAreRefused() throws Exception {
    Path directory = copyOfLayout("indexes");
    Digest itself = Digest.of("itself");
    Files.write(blob(directory, itself), index(itself, 100));
    assertRefused(directory, itself, "unexpected content of blob " + itself);
    Digest nested = root;
    for (int i = 0; i < 10; i++) {
      nested = put(directory, index(nested, Files.size(blob(directory, nested))));
    }
    assertRefused(directory, nested, "indexes are nested too deeply");
    StringBuilder many = new StringBuilder("{\"schemaVersion\":2,\"manifests\":[");
    for (int i = 0; i < 20_000; i++) {
      many.append(i == 0 ? "" : ",").append("{\"digest\":\"").append(root).append("\",\"size\":1}");
    }
    assertRefused(
        directory,
        put(directory, many.append("]}").toString().getBytes(UTF_8)),
        "no match for platform");
  }

  /** An image of one layer; returns its manifest. */
  private static Digest image(Path directory, byte[] layer, Digest diffId) throws Exception {
    Digest config =
        put(
            directory,
            Json.bytes(
                Map.of(
                    "os",
                    "linux",
                    "architecture",
                    "amd64",
                    "rootfs",
                    Map.of("type", "layers", "diff_ids", List.of(diffId.toString())))));
    return put(
        directory,
        Json.bytes(
            Map.of(
                "schemaVersion",
                2L,
                "config",
                descriptor(MediaType.OCI_CONFIG, directory, config),
                "layers",
                List.of(descriptor(MediaType.OCI_LAYER_GZIP, directory, put(directory, layer))))));
  }

  @Test
  void layersThatAreNotWhatTheyMustBeAreRefused() throws Exception {
    Path directory = copyOfLayout("layers");
    Programs.run(own, "tar", "czf", "layer.tgz", "/bin/busybox");
    byte[] layer = Files.readAllBytes(own.resolve("layer.tgz"));
    Path file = blob(directory, Digest.of(layer));
    Digest manifest = image(directory, layer, Digest.of("other"));
    Files.delete(file);
    assertRefused(directory, manifest, "content " + Digest.of(layer) + ": not found");
    Files.write(file, Arrays.copyOf(layer, layer.length / 2));
    assertRefused(directory, manifest, Digest.of(layer).toString());
    Files.write(file, Arrays.copyOf(layer, layer.length * 2));
    assertRefused(directory, manifest, "unexpected commit size");
    Files.write(file, layer);
    assertRefused(directory, manifest, "wrong diff id");
  }

  @Test
  void aConfigThatIsNotWhatItMustBeIsRefused() throws Exception {
    Path directory = copyOfLayout("config");
    Digest manifest = image(directory, new byte[0], Digest.of("none"));
    Digest config =
        Digest.parse(Json.text(Json.object(read(blob(directory, manifest)), "config"), "digest"));
    Files.writeString(blob(directory, config), "{");
    assertRefused(directory, manifest, "unexpected content of blob " + config);
  }

  private static Map<String, Object> descriptor(String type, Path directory, Digest digest)
      throws Exception {
    return Map.of(
        "mediaType",
        type,
        "digest",
        digest.toString(),
        "size",
        Files.size(blob(directory, digest)));
  }
}
