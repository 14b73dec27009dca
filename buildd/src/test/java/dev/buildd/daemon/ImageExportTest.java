package dev.buildd.daemon;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Any;
import com.sun.net.httpserver.HttpServer;
import dev.buildd.base.content.MediaType;
import dev.buildd.base.json.Json;
import dev.buildd.base.linux.FileNames;
import dev.buildd.base.linux.Linux;
import dev.buildd.client.BuildClient;
import dev.buildd.client.SolveOptions;
import dev.buildd.llb.FileAction;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import dev.buildd.proto.control.ControlGrpc;
import dev.buildd.proto.control.Exporter;
import dev.buildd.proto.control.SolveRequest;
import dev.buildd.session.filesync.FileSendTarget;
import dev.buildd.snapshot.layer.Estargz;
import io.grpc.protobuf.StatusProto;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Images leave the daemon and are read by programs of others: docker-registry, skopeo, umoci. */
@Tag("root")
@Timeout(value = 5, unit = TimeUnit.MINUTES)
final class ImageExportTest {
  private static final String EPOCH = "1300000000";

  /** What BuildKit v0.32.2 makes of {@link #plain()}, uncompressed and with times rewritten. */
  private static final String MANIFEST_OF_BUILDKIT =
      "sha256:68fff3c31fee8551086f3fca2b3eea83796d89e7836ed67a9219a6d273d97137";

  /** The same of the copies of files whose names are not UTF-8. */
  private static final List<String> ODD_LAYERS_OF_BUILDKIT =
      List.of(
          "sha256:e75a113e107902f9ba7d3f70bd622a1db5f42a8843164434cd61cfb3dbbd1cce",
          "sha256:6ab38291553366d61e3ca9c2dacc5a88fd233d3908ddc6dbe1cb6398404ecc59");

  @TempDir static Path temp;
  private static Machine machine;
  private static Programs programs;
  private static String host;

  @BeforeAll
  static void start() throws Exception {
    Machine.busybox(temp);
    programs = new Programs(temp);
    host = "localhost:" + programs.serveRegistry();
    machine = new Machine(temp);
  }

  @AfterAll
  static void stop() throws Exception {
    machine.close();
    programs.close();
  }

  /** Steps whose files have times of their own, so that nothing depends on when they run. */
  private static State plain() {
    FileAction.Make old = FileAction.Make.DEFAULT.withCreated(Instant.ofEpochSecond(1234567890));
    return Llb.scratch()
        .file(Llb.mkdir("/d", 0755, old), Llb.customName("one"))
        .file(Llb.mkfile("/d/f", 0640, "content".getBytes(UTF_8), old), Llb.customName("two"))
        .file(Llb.symlink("d/f", "/link", old), Llb.customName("three"))
        .file(Llb.rm("/d/f"), Llb.customName("four"));
  }

  private static Map<String, String> attributes(String... pairs) {
    Map<String, String> all = new LinkedHashMap<>();
    for (String pair : pairs) {
      int equals = pair.indexOf('=');
      all.put(pair.substring(0, equals), pair.substring(equals + 1));
    }
    return all;
  }

  private static SolveOptions.Export image(String name, String... attributes) {
    Map<String, String> all = attributes(attributes);
    all.put("name", name);
    all.put("push", "true");
    return new SolveOptions.Export("image", all, Optional.empty());
  }

  private static SolveOptions.Export unpushed(String... attributes) {
    return new SolveOptions.Export("image", attributes(attributes), Optional.empty());
  }

  private static SolveOptions.Export archive(String type, Path file, String... attributes)
      throws IOException {
    var out = Files.newOutputStream(file);
    return new SolveOptions.Export(
        type,
        attributes(attributes),
        Optional.of(new FileSendTarget.Target.Stream(metadata -> Optional.of(out))));
  }

  private static Map<String, Object> inspect(String reference, String... flags) throws Exception {
    List<String> command = new ArrayList<>(List.of("skopeo", "inspect"));
    command.addAll(List.of(flags));
    command.add(reference);
    return Json.parseObject(
        Programs.run(temp, command.toArray(String[]::new)).getBytes(UTF_8), "skopeo");
  }

  @Test
  void digestsAreBuildKits() throws Exception {
    for (String kind : List.of("oci", "again")) {
      Path file = temp.resolve(kind + ".tar");
      Map<String, String> told =
          machine.export(
              plain(),
              archive(
                  "oci",
                  file,
                  "rewrite-timestamp=true",
                  "compression=uncompressed",
                  "source-date-epoch=" + EPOCH));
      assertThat(told).containsEntry("containerimage.digest", MANIFEST_OF_BUILDKIT);
      assertThat(Json.text(inspect("oci-archive:" + file), "Digest"))
          .isEqualTo(MANIFEST_OF_BUILDKIT);
    }
  }

  @Test
  void pushedImageIsPulledByOthersAndByUs() throws Exception {
    State made =
        Machine.base()
            .run(Llb.args("/bin/sh", "-c", "echo made > /made; rm /bin/seq; chmod 4711 /made"))
            .root();
    for (String compression : List.of("gzip", "zstd", "uncompressed", "estargz")) {
      String name = host + "/made:" + compression;
      Map<String, String> told =
          machine.export(made, image(name, "compression=" + compression, "force-compression=true"));
      assertThat(told).containsEntry("image.name", name);
      String digest = told.get("containerimage.digest");
      Map<String, Object> seen = inspect("docker://" + name, "--tls-verify=false");
      assertThat(Json.text(seen, "Digest")).isEqualTo(digest);

      Path layout = temp.resolve("layout-" + compression);
      Programs.run(
          temp,
          "skopeo",
          "copy",
          "--src-tls-verify=false",
          "docker://" + name,
          "oci:" + layout + ":x");
      if (compression.equals("zstd")) { // of which Debian's umoci has not heard yet
        String top = Json.texts(seen, "Layers").getLast().substring("sha256:".length());
        String files =
            Programs.run(layout, "sh", "-c", "zstd -dc blobs/sha256/" + top + " | tar t");
        assertThat(files.lines()).contains("bin/", "bin/.wh.seq", "made").doesNotContain("bin/seq");
      } else {
        Path bundle = temp.resolve("bundle-" + compression);
        Programs.run(temp, "umoci", "unpack", "--image", layout + ":x", bundle.toString());
        Path rootfs = bundle.resolve("rootfs");
        assertThat(rootfs.resolve("made")).hasContent("made");
        assertThat(rootfs.resolve("bin/seq")).doesNotExist();
        assertThat(Linux.lstat(rootfs.resolve("made")).permissions()).isEqualTo(04711);
      }

      Path out = Files.createDirectory(temp.resolve("out-" + compression));
      try (BuildClient client = machine.client()) {
        State pulled = Llb.image(name + "@" + digest);
        machine.build(client, Llb.scratch().file(Llb.copy(pulled, "/made", "/made")), out);
      }
      assertThat(out.resolve("made")).hasContent("made");
    }
  }

  @Test
  void estargzLiesBesideGzipAndTellsOfItsToc() throws Exception {
    String epoch = "source-date-epoch=" + EPOCH;
    String gzip =
        machine.export(plain(), image(host + "/both:gzip", epoch)).get("containerimage.digest");
    String estargz =
        machine
            .export(
                plain(),
                image(
                    host + "/both:estargz", epoch, "compression=estargz", "force-compression=true"))
            .get("containerimage.digest");
    assertThat(estargz).isNotEqualTo(gzip);
    Map<String, Object> manifest =
        inspect("docker://" + host + "/both:estargz", "--raw", "--tls-verify=false");
    assertThat(Json.objects(manifest, "layers"))
        .hasSize(4)
        .allSatisfy(layer -> {
          assertThat(layer).containsEntry("mediaType", MediaType.OCI_LAYER_GZIP);
          assertThat(Json.textMap(layer, "annotations"))
              .containsOnlyKeys(Estargz.TOC_DIGEST, Estargz.UNCOMPRESSED_SIZE);
        });
    String again = host + "/both:again";
    assertThat(machine.export(plain(), image(again, epoch, "force-compression=true")))
        .containsEntry("containerimage.digest", gzip);

    // what came as eStargz is the plain archive again once it is compressed otherwise
    Path file = temp.resolve("plain-again.tar");
    machine.export(
        Llb.image(host + "/both@" + estargz),
        archive("oci", file, "compression=uncompressed", "force-compression=true"));
    List<String> diffIds =
        Json.texts(
            Json.object(
                inspect("docker://" + again, "--config", "--raw", "--tls-verify=false"), "rootfs"),
            "diff_ids");
    assertThat(Json.texts(inspect("oci-archive:" + file), "Layers")).isEqualTo(diffIds);
    assertThatThrownBy(() ->
            machine.export(plain(), image(again, "compression=estargz", "oci-mediatypes=false")))
        .hasMessageContaining(
            "exporter option \"compression=estargz\" conflicts with \"oci-mediatypes=false\"");
  }

  @Test
  void namesThatAreNotUtf8GoThroughStepsImagesAndCopies() throws Exception {
    State made =
        Machine.base()
            .run(
                Llb.args(
                    "/bin/sh",
                    "-c",
                    "cd /; mkdir -p o/$(printf 'd\\351'); cd o; echo 1 > $(printf 'd\\351/f\\377');"
                        + " ln -s $(printf 'd\\351/f\\377') $(printf 'l\\350');"
                        + " ln $(printf 'd\\351/f\\377') h; echo 2 > $(printf 'gone\\376')"))
            .root()
            .run(
                Llb.args(
                    "/bin/sh",
                    "-c",
                    "cd /o; rm $(printf 'gone\\376');"
                        + " mv $(printf 'd\\351/f\\377') $(printf 'd\\351/\\303\\251\\377')"))
            .root();
    State copied =
        Llb.scratch()
            .file(Llb.copy(made, "/o", "/o"))
            .file(Llb.copy(made, "/o/", "/w", FileAction.CopyOptions.DEFAULT.contentsOnly()));
    Path file = temp.resolve("odd.tar");
    machine.export(
        copied,
        archive(
            "oci",
            file,
            "rewrite-timestamp=true",
            "compression=uncompressed",
            "source-date-epoch=" + EPOCH));
    assertThat(inspect("oci-archive:" + file).get("Layers"))
        .asInstanceOf(InstanceOfAssertFactories.LIST)
        .containsExactlyElementsOf(ODD_LAYERS_OF_BUILDKIT);

    String name = host + "/odd:1";
    String digest = machine.export(copied, image(name)).get("containerimage.digest");
    Path out = Files.createDirectory(temp.resolve("out-odd"));
    try (BuildClient client = machine.client()) {
      machine.build(
          client, Llb.scratch().file(Llb.copy(Llb.image(name + "@" + digest), "/w", "/w")), out);
    }
    Path directory = out.resolve("w").resolve(FileNames.text(new byte[] {'d', (byte) 0xe9}));
    Path one = directory.resolve("é" + FileNames.text(new byte[] {(byte) 0xff}));
    assertThat(FileNames.list(directory)).containsExactly(one);
    assertThat(FileNames.raw(one)).hasContent("1\n");
    assertThat(
            FileNames.bytes(
                Linux.readlink(out.resolve("w/" + FileNames.text(new byte[] {'l', (byte) 0xe8})))))
        .isEqualTo(new byte[] {'d', (byte) 0xe9, '/', 'f', (byte) 0xff});
  }

  @Test
  void imageOnTopOfAPulledOneKeepsItsLayers() throws Exception {
    String base = machine.export(plain(), image(host + "/base:1")).get("containerimage.digest");
    Map<String, Object> below = inspect("docker://" + host + "/base@" + base, "--tls-verify=false");
    State above = Llb.image(host + "/base:1").file(Llb.mkfile("/more", 0644, "more"));
    String digest = machine.export(above, image(host + "/above:1")).get("containerimage.digest");
    Map<String, Object> seen =
        inspect("docker://" + host + "/above@" + digest, "--tls-verify=false");
    List<String> layers = Json.texts(seen, "Layers");
    assertThat(layers).hasSize(5).startsWith(Json.texts(below, "Layers").toArray(String[]::new));
  }

  @Test
  void dockerArchiveNamesItsImage() throws Exception {
    Path file = temp.resolve("docker.tar");
    Map<String, String> told =
        machine.export(plain(), archive("docker", file, "name=example.test/some/app:v1,app"));
    assertThat(told)
        .containsEntry("image.name", "example.test/some/app:v1,docker.io/library/app:latest");
    assertThat(inspect("docker-archive:" + file).get("Architecture")).isNotNull();
    String list = Programs.run(temp, "tar", "xOf", file.toString(), "manifest.json");
    assertThat(list).contains("\"RepoTags\":[\"example.test/some/app:v1\",\"app:latest\"]");
    assertThat(Programs.run(temp, "tar", "tf", file.toString()).lines().toList())
        .startsWith("blobs/", "blobs/sha256/")
        .endsWith("index.json", "manifest.json", "oci-layout");
  }

  /** Puts an image into the registry whose only layer is elsewhere; returns the layer's digest. */
  private static String pushForeign(String name, HttpServer elsewhere) throws Exception {
    machine.export(
        Llb.scratch().file(Llb.mkfile("/foreign", 0644, "foreign")), image(host + "/" + name));
    Map<String, Object> manifest =
        new LinkedHashMap<>(
            Json.parseObject(
                Programs.manifest(temp, host + "/" + name).getBytes(UTF_8), "manifest"));
    Map<String, Object> layer = new LinkedHashMap<>(Json.objects(manifest, "layers").getFirst());
    String digest = Json.text(layer, "digest");
    String hex = digest.substring("sha256:".length());
    byte[] content = Files.readAllBytes(machine.root().resolve("content/blobs/sha256/" + hex));
    elsewhere.createContext(
        "/layer",
        request -> {
          try (request) {
            request.sendResponseHeaders(200, content.length);
            request.getResponseBody().write(content);
          }
        });
    layer.put("mediaType", MediaType.OCI_FOREIGN_LAYER + "+gzip");
    layer.put("urls", List.of("http://localhost:" + elsewhere.getAddress().getPort() + "/layer"));
    manifest.put("layers", List.of(layer));
    HttpRequest put =
        HttpRequest.newBuilder(URI.create("http://" + host + "/v2/" + name + "/manifests/latest"))
            .header("Content-Type", MediaType.OCI_MANIFEST)
            .PUT(HttpRequest.BodyPublishers.ofByteArray(Json.bytes(manifest)))
            .build();
    try (HttpClient http = HttpClient.newHttpClient()) {
      HttpResponse<String> answer = http.send(put, HttpResponse.BodyHandlers.ofString());
      assertThat(answer.statusCode()).as(answer.body()).isEqualTo(201);
    }
    try (Stream<Path> stored = Files.walk(temp)) {
      for (Path data : stored.filter(path -> path.endsWith(hex + "/data")).toList()) {
        Files.delete(data);
      }
    }
    try (BuildClient client = machine.client()) {
      client.prune(
          new BuildClient.PruneOptions(List.of(), true, Duration.ZERO, 0, 0, 0), gone -> {});
    }
    return digest;
  }

  private static Map<String, Object> firstLayer(Path archive) throws Exception {
    return Json.objects(inspect("oci-archive:" + archive, "--raw"), "layers").getFirst();
  }

  @Test
  void foreignLayersAreHadElsewhereAndMayStayThere() throws Exception {
    HttpServer elsewhere =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    elsewhere.start();
    try {
      String digest = pushForeign("foreign", elsewhere);
      State state = Llb.image(host + "/foreign").file(Llb.mkfile("/own", 0644, "own"));
      String blob = "blobs/" + digest.replace(':', '/');

      Path stays = temp.resolve("stays.tar");
      machine.export(state, archive("oci", stays, "prefer-nondist-layers=true"));
      assertThat(firstLayer(stays))
          .containsEntry("digest", digest)
          .containsEntry("mediaType", MediaType.OCI_FOREIGN_LAYER + "+gzip")
          .containsKey("urls");
      assertThat(Programs.run(temp, "tar", "tf", stays.toString()).lines()).doesNotContain(blob);

      Path taken = temp.resolve("taken.tar");
      machine.export(state, archive("oci", taken));
      assertThat(firstLayer(taken))
          .containsEntry("digest", digest)
          .containsEntry("mediaType", MediaType.OCI_LAYER_GZIP)
          .doesNotContainKey("urls");
      assertThat(Programs.run(temp, "tar", "tf", taken.toString()).lines()).contains(blob);
    } finally {
      elsewhere.stop(0);
    }
  }

  @Test
  void layoutIsWrittenWithoutAnArchive() throws Exception {
    Path directory = temp.resolve("layout");
    Map<String, String> told =
        machine.export(
            plain(),
            new SolveOptions.Export(
                "oci",
                Map.of("tar", "false", "name", "example.test/app:v1"),
                Optional.of(new FileSendTarget.Target.Layout(directory))));
    assertThat(Json.text(inspect("oci:" + directory + ":v1"), "Digest"))
        .isEqualTo(told.get("containerimage.digest"));
  }

  @Test
  void annotationsAndMediaTypesAreAsAsked() throws Exception {
    String name = host + "/typed:1";
    machine.export(plain(), image(name, "oci-mediatypes=false"));
    String raw = Programs.manifest(temp, name);
    assertThat(raw)
        .contains("application/vnd.docker.distribution.manifest.v2+json")
        .contains("application/vnd.docker.image.rootfs.diff.tar.gzip")
        .doesNotContain("annotations");
    machine.export(plain(), image(name, "annotation.org.example=yes", "annotation-manifest.b=<2>"));
    raw = Programs.manifest(temp, name);
    assertThat(raw)
        .contains(
            "\"annotations\": {\n    \"b\": \"\\u003c2\\u003e\",\n    \"org.example\": \"yes\"");
  }

  @Test
  void frontendsConfigIsKept() throws Exception {
    String name = host + "/config:1";
    String config =
        "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Cmd\":[\"a && b\"],"
            + "\"OnBuild\":null},\"history\":[{\"created_by\":\"one\"},"
            + "{\"created_by\":\"meta\",\"empty_layer\":true}],\"x.unknown\":1.50}";
    machine.export(plain(), image(name, "containerimage.config=" + config));
    String seen =
        Programs.run(
            temp,
            "skopeo",
            "inspect",
            "--config",
            "--raw",
            "--tls-verify=false",
            "docker://" + name);
    assertThat(seen)
        .contains("\"config\":{\"Cmd\":[\"a \\u0026\\u0026 b\"],\"OnBuild\":null}")
        .contains("\"x.unknown\":1.50")
        .contains("\"created_by\":\"meta\",\"empty_layer\":true");
    assertThat(Json.objects(Json.parseObject(seen.getBytes(UTF_8), "config"), "history"))
        .hasSize(5);
  }

  /** And at once: a client that watched a build that never came would wait 5 s each time. */
  @Test
  @Timeout(10)
  void wrongAttributesAreRefusedBeforeAnythingRuns() {
    assertThatThrownBy(() -> machine.export(plain(), image("lower/CASE")))
        .hasMessageContaining("must be lowercase");
    assertThatThrownBy(() -> machine.export(plain(), image(host + "/x", "compression=lzma")))
        .hasMessageContaining("unsupported compression type lzma");
    assertThatThrownBy(() -> machine.export(plain(), image(host + "/x", "oci-mediatypes=perhaps")))
        .hasMessageContaining("non-bool value specified for oci-mediatypes");
    assertThatThrownBy(() ->
            machine.export(plain(), image(host + "/x", "annotation-manifest[linux/s390x].a=b")))
        .hasMessageContaining("no platform linux/s390x found");
  }

  /** As of BuildKit's own runc worker, which has no store of images either. */
  @Test
  void whatIsForStoresOfImagesIsCheckedAndPassedOver() throws Exception {
    for (String key : List.of("store", "unpack", "unsafe-internal-store-allow-incomplete")) {
      for (String value : List.of("", "true", "0")) {
        String named = "name=example.test/" + key;
        assertThat(machine.export(plain(), unpushed(named, key + "=" + value)))
            .containsKey("containerimage.digest")
            .containsEntry("image.name", "example.test/" + key);
      }
      assertThatThrownBy(() -> machine.export(plain(), unpushed(key + "=perhaps")))
          .hasMessageContaining("non-bool value specified for " + key);
    }
    String epoch = "source-date-epoch=" + EPOCH;
    assertThat(machine.export(plain(), unpushed("unpack=true", "rewrite-timestamp=true", epoch)))
        .containsKey("containerimage.digest");
  }

  /** The media type of what is exported by a build of a compatibility version. */
  private static String typeOfRoot(int version, SolveOptions.Export export) throws Exception {
    try (BuildClient client = machine.client()) {
      String descriptor =
          client
              .solve(
                  Optional.of(plain().marshal()),
                  machine.options().withExports(export).withCompatibilityVersion(version),
                  status -> {})
              .exporterResponse()
              .get("containerimage.descriptor");
      return Json.text(
          Json.parseObject(Base64.getDecoder().decode(descriptor), "descriptor"), "mediaType");
    }
  }

  @Test
  void earlierVersionsGaveDockersMediaTypes() throws Exception {
    for (int version : new int[] {0, 30}) {
      assertThat(typeOfRoot(version, unpushed())).isEqualTo(MediaType.OCI_MANIFEST);
      assertThat(typeOfRoot(version, unpushed("oci-mediatypes=false")))
          .isEqualTo(MediaType.DOCKER_MANIFEST);
    }
    for (int version : new int[] {10, 20}) {
      assertThat(typeOfRoot(version, unpushed())).isEqualTo(MediaType.DOCKER_MANIFEST);
      assertThat(typeOfRoot(version, unpushed("oci-mediatypes=true")))
          .isEqualTo(MediaType.OCI_MANIFEST);
      assertThat(typeOfRoot(version, archive("docker", temp.resolve("v" + version))))
          .isEqualTo(MediaType.DOCKER_MANIFEST);
      assertThat(typeOfRoot(version, archive("oci", temp.resolve("v" + version))))
          .isEqualTo(MediaType.OCI_MANIFEST);
    }
  }

  @Test
  void artifactsAreOfOcisKind() throws Exception {
    String conflict =
        "exporter option \"oci-artifact=true\" conflicts with \"oci-mediatypes=false\"";
    assertThat(typeOfRoot(0, unpushed("oci-artifact=true"))).isEqualTo(MediaType.OCI_MANIFEST);
    assertThat(typeOfRoot(0, unpushed("oci-artifact=false", "oci-mediatypes=false")))
        .isEqualTo(MediaType.DOCKER_MANIFEST);
    assertThatThrownBy(() -> typeOfRoot(0, unpushed("oci-artifact=true", "oci-mediatypes=false")))
        .hasMessageContaining(conflict);
    assertThatThrownBy(() -> typeOfRoot(20, unpushed("oci-artifact=true")))
        .hasMessageContaining(conflict);
    assertThatThrownBy(() -> typeOfRoot(0, unpushed("oci-artifact=perhaps")))
        .hasMessageContaining("non-bool value specified for oci-artifact");
  }

  @Test
  void whatVersionsDoNotHaveIsTold() throws Exception {
    assertThat(typeOfRoot(20, unpushed("compression=zstd", "oci-mediatypes=true")))
        .isEqualTo(MediaType.OCI_MANIFEST);
    try (BuildClient client = machine.client()) {
      SolveRequest request =
          SolveRequest.newBuilder()
              .setRef("early-zstd")
              .setDefinition(plain().marshal().toProto())
              .setCompatibilityVersion(10)
              .addExporters(Exporter.newBuilder().setType("image").putAttrs("compression", "zstd"))
              .build();
      assertThatThrownBy(() -> ControlGrpc.newBlockingStub(client.channel()).solve(request))
          .hasMessageContaining(
              "unsupported compatibility-version 10 feature image exporter compression=zstd")
          .satisfies(e -> {
            Any detail = StatusProto.fromThrowable(e).getDetails(0);
            assertThat(detail.getTypeUrl())
                .isEqualTo("github.com/moby/buildkit/errdefs.CompatibilityFeature+json");
            assertThat(detail.getValue().toStringUtf8())
                .isEqualTo("{\"version\":10,\"feature\":\"image exporter compression=zstd\"}");
          });
    }
    assertThatThrownBy(() -> typeOfRoot(15, unpushed()))
        .hasMessageContaining("unsupported compatibility-version 15 (supported: [10 20 30])");
    assertThatThrownBy(() -> typeOfRoot(40, unpushed()))
        .hasMessageContaining(
            "unsupported compatibility-version 40: upgrade buildkit (max supported: 30)");
  }

  @Test
  void aRegistryThatIsNotThereIsNamed() {
    assertThatThrownBy(() -> machine.export(plain(), image("127.0.0.1:1/x:y")))
        .hasMessageContaining("failed to push 127.0.0.1:1/x:y");
  }
}
