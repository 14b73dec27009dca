package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.json.Json;
import dev.buildd.client.BuildClient;
import dev.buildd.client.SolveOptions;
import dev.buildd.gateway.CacheEntry;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import dev.buildd.session.filesync.FileSendTarget;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** One machine's cache, used by another that has nothing else from it. */
@Tag("root")
@Timeout(value = 5, unit = TimeUnit.MINUTES)
final class RemoteCacheTest {
  @TempDir Path temp;
  private Programs programs;
  private String host;
  private Machine here;
  private Machine there;

  @BeforeEach
  void start() throws Exception {
    programs = new Programs(temp);
    host = "localhost:" + programs.serveRegistry();
    here = machine("here");
    there = machine("there");
  }

  private Machine machine(String name) throws Exception {
    Path directory = Files.createDirectory(temp.resolve(name));
    Machine.busybox(directory);
    return new Machine(directory);
  }

  @AfterEach
  void stop() throws Exception {
    here.close();
    there.close();
    programs.close();
  }

  private static State steps() {
    State one =
        Machine.base()
            .run(Llb.args("/bin/sh", "-c", "echo one > /one"), Llb.customName("one"))
            .root();
    State two = one.run(Llb.args("/bin/sh", "-c", "cat /one > /two"), Llb.customName("two")).root();
    State side = Llb.scratch().file(Llb.mkfile("/side", 0644, "side"), Llb.customName("side"));
    return Llb.merge(
        List.of(Llb.scratch().file(Llb.copy(two, "/two", "/two"), Llb.customName("take")), side));
  }

  private Set<String> build(
      Machine machine, List<CacheEntry> exports, List<CacheEntry> imports, SolveOptions.Export out)
      throws Exception {
    return build(machine, steps(), exports, imports, out);
  }

  private Set<String> build(
      Machine machine,
      State state,
      List<CacheEntry> exports,
      List<CacheEntry> imports,
      SolveOptions.Export out)
      throws Exception {
    Set<String> ran = new HashSet<>();
    try (BuildClient client = machine.client()) {
      client.solve(
          Optional.of(state.marshal()),
          machine.options().withExports(out).withCaches(exports, imports),
          status -> Machine.noteRuns(status, ran));
    }
    ran.removeIf(name -> name.matches("(import|export)ing .*|local://.*|merge .*"));
    return ran;
  }

  private SolveOptions.Export directory(String name) {
    return SolveOptions.Export.local(temp.resolve(name));
  }

  private CacheEntry registry(String name, String... more) {
    Map<String, String> attributes = attributes(more);
    attributes.put("ref", host + "/" + name);
    return new CacheEntry("registry", attributes);
  }

  private void assertFiles(String directory) {
    assertThat(temp.resolve(directory + "/two")).hasContent("one");
    assertThat(temp.resolve(directory + "/side")).hasContent("side");
  }

  @ParameterizedTest
  @ValueSource(strings = {"image-manifest=true", "image-manifest=false", "oci-mediatypes=false"})
  void everythingIsFoundElsewhereWithModeMax(String form) throws Exception {
    CacheEntry cache = registry("cache:1", form, "mode=max");
    build(here, List.of(cache), List.of(), directory("made"));
    assertThat(build(there, List.of(), List.of(cache), directory("out"))).isEmpty();
    assertFiles("out");
    assertThat(build(there, List.of(), List.of(), directory("again")))
        .as("what was imported stays known")
        .isEmpty();
  }

  @Test
  void aCacheMayHaveMoreLayersThanAnImage() throws Exception {
    List<State> gathered = new ArrayList<>();
    for (int i = 0; i < 11; i++) {
      State all = Llb.scratch();
      for (int j = 0; j < 100; j++) {
        String name = "/f" + i + "." + j;
        State one = Llb.scratch().file(Llb.mkfile(name, 0644, name), Llb.customName(name));
        all = all.file(Llb.copy(one, name, name), Llb.customName("copy " + name));
      }
      gathered.add(all);
    }
    State state = Llb.merge(gathered);
    CacheEntry cache = registry("large:1", "mode=max");
    build(here, state, List.of(cache), List.of(), directory("made"));
    assertThat(build(here, state, List.of(cache), List.of(), directory("made"))).isEmpty();
    assertThat(build(there, state, List.of(), List.of(cache), directory("out"))).isEmpty();
    assertThat(temp.resolve("out/f10.99")).hasContent("/f10.99");
  }

  @Test
  void nothingIsBuiltAndCachedOfNothing() throws Exception {
    CacheEntry cache = registry("empty:1", "mode=max");
    assertThat(build(here, Llb.scratch(), List.of(cache), List.of(), directory("made"))).isEmpty();
    assertThat(temp.resolve("made")).isEmptyDirectory();
  }

  /** As an export leaves it that was interrupted. */
  @Test
  void aDamagedIndexIsNoCacheAndIsWrittenAnew() throws Exception {
    Path directory = temp.resolve("damaged");
    CacheEntry export = new CacheEntry("local", Map.of("dest", "" + directory, "mode", "max"));
    CacheEntry wanted = new CacheEntry("local", Map.of("src", "" + directory));
    build(here, List.of(export), List.of(), directory("made"));
    Path index = directory.resolve("index.json");
    String good = Files.readString(index);
    for (String text : List.of("", good.substring(0, good.length() / 2), "{{{", "null", "[]")) {
      Files.writeString(index, text);
      build(here, List.of(), List.of(wanted), directory("out"));
    }
    Files.writeString(index, "");
    build(here, List.of(export), List.of(), directory("made"));
    assertThat(build(there, List.of(), List.of(wanted), directory("again"))).isEmpty();
  }

  @Test
  void whatNeedsNoInputsIsNotSent() throws Exception {
    State taken = Llb.scratch().file(Llb.copy(Llb.local("rootfs"), "/bin/busybox", "/busybox"));
    build(here, taken, List.of(registry("taken:1", "mode=max")), List.of(), directory("made"));
    assertThat(Json.objects(manifest("taken:1"), "layers")).as("the copy").hasSize(1);
    State alone = Llb.scratch().file(Llb.mkfile("/alone", 0644, "alone"));
    Path directory = temp.resolve("alone");
    CacheEntry export = new CacheEntry("local", Map.of("dest", "" + directory, "mode", "max"));
    build(here, alone, List.of(export), List.of(), directory("made"));
    assertThat(directory).isEmptyDirectory();
  }

  @Test
  void aDirectoryCarriesACache() throws Exception {
    Path directory = temp.resolve("cache");
    CacheEntry export = new CacheEntry("local", Map.of("dest", "" + directory, "mode", "max"));
    CacheEntry wanted = new CacheEntry("local", Map.of("src", "" + directory));
    build(here, List.of(export), List.of(), directory("made"));
    assertThat(build(there, List.of(), List.of(wanted), directory("out"))).isEmpty();
    assertFiles("out");
    assertThat(directory.toFile().list())
        .containsExactlyInAnyOrder("blobs", "index.json", "oci-layout");
    build(here, List.of(export), List.of(), directory("made"));
    assertThat(members(directory.resolve("index.json"), "manifests"))
        .as("the tag is one manifest's")
        .hasSize(1);
  }

  private static State one(String content) {
    State made = Llb.scratch().file(Llb.mkfile("/f", 0644, content));
    return Llb.scratch().file(Llb.copy(made, "/f", "/f"));
  }

  private static CacheEntry resetting(Path directory, String reset) {
    return new CacheEntry(
        "local", Map.of("dest", directory.toString(), "mode", "max", "reset", reset));
  }

  private static Set<String> blobs(Path directory) throws Exception {
    try (Stream<Path> files = Files.list(directory.resolve("blobs/sha256"))) {
      return files.map(file -> "sha256:" + file.getFileName()).collect(Collectors.toSet());
    }
  }

  private static List<Map<String, Object>> members(Path file, String name) throws Exception {
    return Json.objects(Json.parseObject(Files.readAllBytes(file), file.toString()), name);
  }

  /** As BuildKit's TestLocalCacheExportReset wants it. */
  @Test
  void resetLeavesWhatTheIndexLeadsTo() throws Exception {
    Path directory = temp.resolve("cache");
    CacheEntry kept = new CacheEntry("local", Map.of("dest", directory.toString(), "tag", "kept"));
    build(here, one("kept"), List.of(kept), List.of(), directory("made"));
    Set<String> needed = blobs(directory);
    build(here, one("old"), List.of(resetting(directory, "false")), List.of(), directory("made"));
    build(here, one("new"), List.of(resetting(directory, "true")), List.of(), directory("made"));
    Map<String, Object> latest = members(directory.resolve("index.json"), "manifests").getLast();
    String digest = Json.text(latest, "digest");
    needed.add(digest);
    Path manifest = directory.resolve("blobs").resolve(digest.replace(':', '/'));
    members(manifest, "layers").forEach(layer -> needed.add(Json.text(layer, "digest")));
    needed.add(
        Json.text(
            Json.object(Json.parseObject(Files.readAllBytes(manifest), "manifest"), "config"),
            "digest"));
    assertThat(blobs(directory)).isEqualTo(needed);
    CacheEntry wanted = new CacheEntry("local", Map.of("src", directory.toString()));
    assertThat(build(there, one("new"), List.of(), List.of(wanted), directory("out"))).isEmpty();
  }

  @Test
  void whatCannotBeReadIsNoReasonToDelete() throws Exception {
    Path directory = temp.resolve("cache");
    CacheEntry broken =
        new CacheEntry("local", Map.of("dest", directory.toString(), "tag", "broken"));
    build(here, one("broken"), List.of(broken), List.of(), directory("made"));
    String digest =
        Json.text(members(directory.resolve("index.json"), "manifests").getFirst(), "digest");
    Files.delete(directory.resolve("blobs").resolve(digest.replace(':', '/')));
    Set<String> before = blobs(directory);
    build(here, one("new"), List.of(resetting(directory, "true")), List.of(), directory("made"));
    assertThat(blobs(directory)).containsAll(before);
    assertThatThrownBy(() ->
            build(
                here,
                one("new"),
                List.of(resetting(directory, "perhaps")),
                List.of(),
                directory("made")))
        .hasMessage("failed to parse reset attribute: \"perhaps\"");
  }

  @Test
  void anImageCarriesItsOwnCache() throws Exception {
    build(here, List.of(new CacheEntry("inline", Map.of())), List.of(), image("image:1"));
    assertThat(build(there, List.of(), List.of(registry("image:1")), directory("out")))
        .as("of steps whose layers the image has")
        .doesNotContain("take", "side");
    assertFiles("out");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "compression=uncompressed,force-compression=true",
        "compression=zstd,force-compression=true",
        "rewrite-timestamp=true,source-date-epoch=1000000000"
      })
  void anImageCarriesItsOwnCacheWhateverItsLayersWereMadeTo(String form) throws Exception {
    List<CacheEntry> inline = List.of(new CacheEntry("inline", Map.of()));
    build(here, inline, List.of(), image("plain:1"));
    build(here, inline, List.of(), image("made:1", form));
    assertThat(manifest("made:1").get("layers")).isNotEqualTo(manifest("plain:1").get("layers"));
    assertThat(build(there, List.of(), List.of(registry("made:1")), directory("out")))
        .doesNotContain("take", "side");
    assertFiles("out");
  }

  @Test
  void aCacheIsCompressedAnewIfThatIsWanted() throws Exception {
    CacheEntry gzip = registry("gzip:1", "mode=max");
    build(here, List.of(gzip), List.of(), directory("made"));
    CacheEntry zstd = registry("zstd:1", "mode=max", "compression=zstd", "force-compression=true");
    assertThat(build(there, List.of(zstd), List.of(gzip), directory("out"))).isEmpty();
    assertThat(Json.objects(manifest("zstd:1"), "layers"))
        .isNotEmpty()
        .allSatisfy(layer ->
            assertThat(layer)
                .containsEntry("mediaType", "application/vnd.oci.image.layer.v1.tar+zstd"));
    try (Machine third = machine("third")) {
      assertThat(build(third, List.of(), List.of(zstd), directory("third-out"))).isEmpty();
    }
    assertFiles("third-out");
  }

  /** The layers of an image or a cache that a machine has downloaded. */
  private List<String> downloaded(Machine machine, String name) throws Exception {
    List<String> out = new ArrayList<>();
    for (Map<String, Object> layer : Json.objects(manifest(name), "layers")) {
      String hex = Json.text(layer, "digest").substring("sha256:".length());
      if (Files.exists(machine.root().resolve("content/blobs/sha256/" + hex))) {
        out.add(hex);
      }
    }
    return out;
  }

  private Map<String, Object> manifest(String name) throws Exception {
    String json = Programs.manifest(temp, host + "/" + name);
    return Json.parseObject(json.getBytes(StandardCharsets.UTF_8), "manifest");
  }

  private SolveOptions.Export image(String name, String... more) {
    Map<String, String> attributes = attributes(more);
    attributes.put("name", host + "/" + name);
    attributes.put("push", "true");
    return new SolveOptions.Export("image", attributes, Optional.empty());
  }

  /**
   * @param pairs {@code key=value}, several of them with commas between
   */
  private static Map<String, String> attributes(String... pairs) {
    Map<String, String> out = new LinkedHashMap<>();
    for (String pair : String.join(",", pairs).split(",", -1)) {
      int equals = pair.indexOf('=');
      if (equals > 0) {
        out.put(pair.substring(0, equals), pair.substring(equals + 1));
      }
    }
    return out;
  }

  @Test
  void aCacheIsDownloadedOnlyAsFarAsItIsUsed() throws Exception {
    CacheEntry cache = registry("cache:1", "mode=max");
    build(here, List.of(cache), List.of(), image("image:1"));
    assertThat(build(there, List.of(), List.of(cache), image("image:2"))).isEmpty();
    assertThat(downloaded(there, "cache:1")).isEmpty();
    assertThat(manifest("image:2").get("layers")).isEqualTo(manifest("image:1").get("layers"));

    there.kill();
    there.restart();
    assertThat(build(there, List.of(cache), List.of(), directory("out"))).isEmpty();
    assertFiles("out");
    assertThat(downloaded(there, "cache:1")).hasSameSizeAs(downloaded(there, "image:1"));
  }

  @Test
  void anImageIsCopiedWithinARegistryWithoutItsLayers() throws Exception {
    build(here, List.of(), List.of(), image("from:1"));
    State copy = Llb.image(host + "/from:1");
    build(there, copy, List.of(), List.of(), image("to:1"));
    assertThat(manifest("to:1").get("layers")).isEqualTo(manifest("from:1").get("layers"));
    assertThat(downloaded(there, "to:1")).isEmpty();
    var file = Files.newOutputStream(temp.resolve("image.tar"));
    build(
        there,
        copy,
        List.of(),
        List.of(),
        new SolveOptions.Export(
            "oci",
            Map.of(),
            Optional.of(new FileSendTarget.Target.Stream(metadata -> Optional.of(file)))));
    assertThat(downloaded(there, "to:1")).hasSize(2);
  }

  @Test
  void aLayerThatIsGoneIsMadeAgain() throws Exception {
    CacheEntry cache = registry("evicted:1", "mode=max");
    build(here, List.of(cache), List.of(), directory("made"));
    for (Map<String, Object> layer : Json.objects(manifest("evicted:1"), "layers")) {
      String hex = Json.text(layer, "digest").substring("sha256:".length());
      try (Stream<Path> stored = Files.walk(temp)) {
        for (Path data :
            stored
                .filter(p -> p.endsWith(hex + "/data") && p.toString().contains("registry-"))
                .toList()) {
          Files.delete(data);
        }
      }
    }
    assertThat(build(there, List.of(), List.of(cache), directory("out")))
        .contains("one", "two", "take", "side");
    assertFiles("out");
  }

  @Test
  void aCacheThatIsNotThereIsNoFailure() throws Exception {
    assertThat(
            build(
                here,
                List.of(),
                List.of(registry("never:1"), new CacheEntry("local", Map.of("src", "x"))),
                directory("out")))
        .contains("one", "two");
    assertFiles("out");
  }

  @Test
  void anExportThatFailsIsOneOnlyIfItMayNot() throws Exception {
    CacheEntry nowhere = new CacheEntry("registry", Map.of("ref", "127.0.0.1:1/x:y"));
    assertThatThrownBy(() -> build(here, List.of(nowhere), List.of(), directory("out")))
        .hasMessageContaining("127.0.0.1:1");
    CacheEntry ignored =
        new CacheEntry("registry", Map.of("ref", "127.0.0.1:1/x:y", "ignore-error", "true"));
    build(here, List.of(ignored), List.of(), directory("out"));
    assertFiles("out");
    assertThatThrownBy(() ->
            build(here, List.of(new CacheEntry("ftp", Map.of())), List.of(), directory("out")))
        .hasMessageContaining("unknown cache exporter: \"ftp\"");
  }
}
