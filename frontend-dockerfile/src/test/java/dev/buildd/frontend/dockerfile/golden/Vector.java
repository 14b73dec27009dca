package dev.buildd.frontend.dockerfile.golden;

import dev.buildd.base.json.Json;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** One of the test vectors; README.md beside them says what they hold. */
public record Vector(byte[] dockerfile, Map<String, Object> input, Map<String, Object> expected) {
  private static final String ROOT = "/golden/";

  public static Vector read(String name) {
    return new Vector(
        bytes(name + "/Dockerfile"),
        Json.parseObject(bytes(name + "/opts.json"), "opts.json"),
        Json.parseObject(bytes(name + "/expected.json"), "expected.json"));
  }

  public static Map<String, Object> images() {
    return Json.parseObject(bytes("images.json"), "images.json");
  }

  static List<String> names() throws Exception {
    Path root = Path.of(Vector.class.getResource(ROOT).toURI());
    try (var all = Files.list(root)) {
      return new ArrayList<>(
          all.filter(Files::isDirectory)
              .map(path -> path.getFileName().toString())
              .sorted()
              .toList());
    }
  }

  private static byte[] bytes(String path) {
    try (InputStream in = Vector.class.getResourceAsStream(ROOT + path)) {
      if (in == null) {
        throw new IllegalArgumentException("no test file " + path);
      }
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  Map<String, String> options() {
    return Json.textMap(input, "opts");
  }

  /** A file of a source; empty if there is none. */
  Optional<byte[]> file(String source, String path) {
    Map<String, Object> sources = Json.object(input, "files");
    if (!sources.containsKey(source)) {
      return source.equals("dockerfile") && path.equals("Dockerfile")
          ? Optional.of(dockerfile)
          : Optional.empty();
    }
    Map<String, String> files = Json.textMap(sources, source);
    return Optional.ofNullable(files.get(path)).map(this::content);
  }

  private byte[] content(String text) {
    if (text.equals("@Dockerfile")) {
      return dockerfile;
    }
    return text.startsWith("base64:")
        ? Base64.getDecoder().decode(text.substring("base64:".length()))
        : text.getBytes(StandardCharsets.UTF_8);
  }

  /** Frontend inputs as encoded definitions. */
  Map<String, byte[]> inputs() {
    Map<String, byte[]> out = new HashMap<>();
    Map<String, Object> inputs = Json.object(input, "inputs");
    inputs
        .keySet()
        .forEach(name ->
            out.put(
                name,
                Base64.getDecoder().decode(Json.text(Json.object(inputs, name), "definition"))));
    return out;
  }
}
