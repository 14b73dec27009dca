package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.content.Digest;
import dev.buildd.base.json.Json;
import dev.buildd.client.BuildClient;
import dev.buildd.llb.Llb;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
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
