package dev.buildd.examples.soak;

import dev.buildd.base.content.Digest;
import dev.buildd.base.json.Json;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;

/** Compares what a build has exported with what it should have. */
final class Results {
  private static final int BLOCK = 512;

  private Results() {}

  /** The directory has these files and no others. */
  static Optional<String> wrongDirectory(Path directory, Map<String, byte[]> expected)
      throws IOException {
    Map<String, byte[]> found = new HashMap<>();
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        found.put(directory.relativize(file).toString(), Files.readAllBytes(file));
      }
    }
    if (!found.keySet().equals(expected.keySet())) {
      return Optional.of(
          "files are "
              + new TreeSet<>(found.keySet())
              + ", not "
              + new TreeSet<>(expected.keySet()));
    }
    return wrongContents(found, expected);
  }

  private static Optional<String> wrongContents(
      Map<String, byte[]> found, Map<String, byte[]> expected) {
    for (Map.Entry<String, byte[]> file : expected.entrySet()) {
      byte[] content = found.get(file.getKey());
      if (content == null) {
        return Optional.of("there is no " + file.getKey());
      }
      int at = Arrays.mismatch(content, file.getValue());
      if (at >= 0) {
        return Optional.of(
            "%s differs at byte %d; it has %d bytes, expected are %d"
                .formatted(file.getKey(), at, content.length, file.getValue().length));
      }
    }
    return Optional.empty();
  }

  /** Each blob of the image is there and is what its digest says; its layers have these files. */
  static Optional<String> wrongArchive(Path archive, Map<String, byte[]> expected)
      throws IOException {
    Map<String, byte[]> entries = entries(Files.readAllBytes(archive));
    byte[] index = entries.get("index.json");
    if (index == null) {
      return Optional.of("the archive has no index.json");
    }
    try {
      Map<String, byte[]> files = new HashMap<>();
      for (Map<String, Object> image : Json.objects(parse(index), "manifests")) {
        Map<String, Object> manifest = parse(blob(entries, image));
        blob(entries, Json.object(manifest, "config"));
        for (Map<String, Object> layer : Json.objects(manifest, "layers")) {
          try (InputStream in =
              new GZIPInputStream(new ByteArrayInputStream(blob(entries, layer)))) {
            files.putAll(entries(in.readAllBytes()));
          }
        }
      }
      return wrongContents(files, expected);
    } catch (IOException e) {
      return Optional.of(String.valueOf(e.getMessage()));
    }
  }

  private static Map<String, Object> parse(byte[] json) {
    return Json.parseObject(json, "image");
  }

  private static byte[] blob(Map<String, byte[]> entries, Map<String, Object> descriptor)
      throws IOException {
    String digest = Json.text(descriptor, "digest");
    byte[] content = entries.get("blobs/" + digest.replace(':', '/'));
    if (content == null || !Digest.of(content).toString().equals(digest)) {
      throw new IOException(
          "blob " + digest + (content == null ? " is not there" : " is not what its name says"));
    }
    return content;
  }

  /** The regular files of a tar archive: names of up to 100 bytes, which ours all have. */
  private static Map<String, byte[]> entries(byte[] tar) {
    Map<String, byte[]> out = new HashMap<>();
    int at = 0;
    while (at + BLOCK <= tar.length && tar[at] != 0) {
      int size = Integer.parseInt(text(tar, at + 124, 12).strip(), 8);
      byte type = tar[at + 156];
      if (type == '0' || type == 0) {
        out.put(text(tar, at, 100), Arrays.copyOfRange(tar, at + BLOCK, at + BLOCK + size));
      }
      at += BLOCK + (size + BLOCK - 1) / BLOCK * BLOCK;
    }
    return out;
  }

  private static String text(byte[] tar, int from, int length) {
    int end = from;
    while (end < from + length && tar[end] != 0) {
      end++;
    }
    return new String(tar, from, end - from, StandardCharsets.UTF_8);
  }
}
