package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.content.Digest;
import dev.buildd.base.json.Json;
import dev.buildd.client.BuildClient;
import dev.buildd.gateway.CacheEntry;
import dev.buildd.llb.Llb;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What one finds out of cache keys with {@code --save-cache-debug}. */
@Tag("root")
@Timeout(90)
final class CacheDebugTest {
  private static final String ALL = "/debug/cache/all";
  private static final String ONE = "/debug/cache/lookup?digest=";

  /** The digest under which a page tells of something. */
  private static String digestOf(String page, String kind, String content) {
    Matcher matcher =
        Pattern.compile(
                "(sha256:[0-9a-f]{64}) \\("
                    + kind
                    + "\\):\n(  sha256:.*\n)*  data: .*"
                    + Pattern.quote(content))
            .matcher(page);
    assertThat(matcher.find()).as("%s with %s in\n%s", kind, content, page).isTrue();
    return matcher.group(1);
  }

  private static void build(Machine machine, Path out) throws Exception {
    try (BuildClient client = machine.client()) {
      machine.build(
          client,
          Machine.base().run(Llb.args("/bin/sh", "-c", "echo looked into > /f")).root(),
          out);
    }
  }

  private static Map<String, Object> keyOf(List<Map<String, Object>> keys, long id) {
    return keys.stream().filter(key -> Json.number(key, "id") == id).findFirst().orElseThrow();
  }

  private static List<Map<String, Object>> keys(Machine.DebugAnswer page) {
    assertThat(page.status()).as(page.text()).isEqualTo(200);
    return Json.objects(
        Json.parseObject(
            ("{\"keys\":" + page.text() + "}").getBytes(StandardCharsets.UTF_8), "keys"),
        "keys");
  }

  @Test
  void keysAndWhatFollowsFromThemAreTold(@TempDir Path directory) throws Exception {
    Machine.busybox(directory);
    String json = "Accept: application/json";
    try (Machine machine = new Machine(directory, "--save-cache-debug")) {
      machine.awaitLog("debug handlers listening");
      assertThat(machine.debugPage("/debug/cache/store")).isEmpty();
      Path cache = directory.resolve("cache");
      try (BuildClient client = machine.client()) {
        client.solve(
            Optional.of(
                Machine.base()
                    .run(Llb.args("/bin/sh", "-c", "echo followed > /f"))
                    .root()
                    .marshal()),
            machine
                .options()
                .withCaches(
                    List.of(
                        new CacheEntry("local", Map.of("dest", cache.toString(), "mode", "max"))),
                    List.of()),
            status -> {});
      }
      List<Map<String, Object>> keys = keys(machine.debug("GET", "/debug/cache/store", json));
      Map<String, Object> step =
          keys.stream()
              .filter(key -> Json.objects(key, "debug").toString().contains("sha256"))
              .filter(key -> !Json.objects(key, "parents").isEmpty())
              .filter(key -> !Json.objects(key, "results").isEmpty())
              .findFirst()
              .orElseThrow();
      Map<String, Object> parent = Json.objects(step, "parents").getFirst();
      Map<String, Object> above = keyOf(keys, Json.number(parent, "target"));
      assertThat(Json.object(Json.object(above, "children"), "0"))
          .containsKey(Long.toString(Json.number(step, "id")));
      String result = Json.text(Json.objects(step, "results").getFirst(), "id");
      String text = machine.debugPage("/debug/cache/store");
      assertThat(text)
          .startsWith("ID: 1")
          .contains("Parents:\n  Input 0:\t", "Children:\n  Input 0:\t ", "Plaintexts:\n")
          .contains("Results:\n  " + result + " 20");

      byte[] config = config(cache);
      List<Map<String, Object>> exported =
          keys(machine.post("POST", "/debug/cache/load", config, json));
      assertThat(exported)
          .isNotEmpty()
          .anySatisfy(key -> assertThat(Json.objects(key, "parents")).isNotEmpty());
      assertThat(machine.post("POST", "/debug/cache/load", config).text()).startsWith("ID: 1\n");
      Machine.DebugAnswer garbled =
          machine.post("POST", "/debug/cache/load", "no config".getBytes(StandardCharsets.UTF_8));
      assertThat(garbled.status()).as(garbled.text()).isEqualTo(400);
      assertThat(machine.debug("GET", "/debug/cache/load").status()).isEqualTo(405);
    }
  }

  /** The config in a directory with an exported cache. */
  private static byte[] config(Path cache) throws Exception {
    try (Stream<Path> blobs = Files.list(cache.resolve("blobs/sha256"))) {
      for (Path blob : blobs.toList()) {
        byte[] content = Files.readAllBytes(blob);
        if (new String(content, StandardCharsets.ISO_8859_1).startsWith("{\"layers\":[{\"blob\"")) {
          return content;
        }
      }
    }
    throw new AssertionError("no config in " + cache);
  }

  @Test
  void whatDigestsAreOfIsKept(@TempDir Path directory) throws Exception {
    Machine.busybox(directory);
    Files.writeString(directory.resolve("rootfs/data"), "12345");
    try (Machine machine = new Machine(directory, "--save-cache-debug")) {
      build(machine, directory.resolve("out"));
      String all = machine.debugPage(ALL);
      String step = digestOf(all, "json", "echo looked into");
      String file = digestOf(all, "file", "size5typeflag0");
      String tree = digestOf(all, "file-list", file);
      assertThat(machine.debugPage(ONE + file)).endsWith("\n  skipping 5 bytes\n");
      assertThat(machine.debugPage(ONE + tree))
          .as("the files of a directory, and what these are of")
          .contains("\\0data" + file, "  " + file + " (file):", "\n" + file + " (file):\n");
      Map<String, Object> json =
          Json.parseObject(
              machine.debug("GET", ONE + step, "Accept: application/json").body(), "record");
      assertThat(json).containsEntry("digest", step).containsEntry("type", "json");
      Map<String, Object> frame = Json.objects(json, "data").getFirst();
      byte[] content = Base64.getDecoder().decode((String) frame.get("data"));
      assertThat(Digest.of(content)).hasToString(step);
      assertThat(new String(content, StandardCharsets.UTF_8)).contains("buildkit.exec.v0");

      machine.stop();
      machine.restart();
      build(machine, directory.resolve("again"));
      assertThat(machine.debugPage(ONE + step)).contains("echo looked into");
      assertThat(machine.debug("GET", ONE + Digest.of("no such").toString()).status())
          .isEqualTo(404);
      assertThat(machine.debug("GET", ONE + "nothing").status()).isEqualTo(400);
    }
    try (Machine machine = new Machine(directory)) {
      build(machine, directory.resolve("without"));
      Machine.DebugAnswer answer = machine.debug("GET", ALL);
      assertThat(answer.status()).isEqualTo(404);
      assertThat(answer.text()).contains("start the daemon with --save-cache-debug");
    }
  }
}
