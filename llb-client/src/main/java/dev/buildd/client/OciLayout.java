package dev.buildd.client;

import dev.buildd.base.content.Descriptor;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.ImageManifest;
import dev.buildd.base.content.MediaType;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.json.Json;
import dev.buildd.session.content.ContentProvider;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/** The index of a directory in the form of an OCI image layout (OCI image-spec, image layout). */
final class OciLayout {
  private static final String IMAGE_NAME = "io.containerd.image.name";
  private static final String REF_NAME = "org.opencontainers.image.ref.name";

  private final Path directory;
  private final Path index;

  OciLayout(Path directory) {
    this.directory = directory;
    this.index = directory.resolve("index.json");
  }

  /**
   * What bears the tag; empty if nothing does, or if there is no index.
   *
   * @throws BuildException if the index is damaged, as by an export that was interrupted
   */
  Optional<Digest> find(String tag) throws IOException {
    if (!Files.exists(index)) {
      return Optional.empty();
    }
    List<Map<String, Object>> manifests = Json.objects(read(), "manifests");
    for (String annotation : List.of(IMAGE_NAME, REF_NAME)) {
      for (Map<String, Object> manifest : manifests) {
        if (tag.equals(Json.textMap(manifest, "annotations").get(annotation))) {
          return Optional.of(Digest.parse(Json.text(manifest, "digest")));
        }
      }
    }
    return Optional.empty();
  }

  private Map<String, Object> read() throws IOException {
    return Json.parseObject(Files.readAllBytes(index), index.toString());
  }

  /** Lets a manifest bear a tag, which none else does then. */
  void tag(Map<String, Object> descriptor, String tag) throws IOException {
    Map<String, String> annotations = new TreeMap<>(Json.textMap(descriptor, "annotations"));
    annotations.put(REF_NAME, tag);
    put(descriptor, annotations);
  }

  /** Lets a manifest bear an image's name. */
  void name(Map<String, Object> descriptor, String name) throws IOException {
    Map<String, String> annotations = new TreeMap<>(Json.textMap(descriptor, "annotations"));
    annotations.put(IMAGE_NAME, name);
    int colon = name.lastIndexOf(':');
    annotations.put(REF_NAME, colon > name.lastIndexOf('/') ? name.substring(colon + 1) : name);
    put(descriptor, annotations);
  }

  private void put(Map<String, Object> descriptor, Map<String, String> annotations)
      throws IOException {
    locked(() -> {
      Map<String, Object> document = new LinkedHashMap<>();
      document.put("schemaVersion", 2L);
      document.put("mediaType", MediaType.OCI_INDEX);
      List<Object> manifests = new ArrayList<>();
      if (Files.exists(index) && Files.size(index) > 0) {
        Map<String, Object> old = read();
        document.putAll(old);
        for (Map<String, Object> manifest : Json.objects(old, "manifests")) {
          if (!isSame(Json.textMap(manifest, "annotations"), annotations)) {
            manifests.add(manifest);
          }
        }
      }
      Map<String, Object> added = new LinkedHashMap<>(descriptor);
      added.put("annotations", annotations);
      manifests.add(added);
      document.put("manifests", manifests);
      Files.write(
          directory.resolve("oci-layout"), Json.bytes(Map.of("imageLayoutVersion", "1.0.0")));
      Path fresh = directory.resolve("index.json.new");
      Files.write(fresh, Json.bytes(document));
      Files.move(fresh, index, StandardCopyOption.ATOMIC_MOVE);
    });
  }

  /**
   * Deletes the blobs that the index does not lead to.
   *
   * @throws IOException or {@link BuildException}, and nothing is deleted, if what the index leads
   *     to cannot be read
   */
  void deleteUnreached() throws IOException {
    locked(() -> {
      Set<Path> reached = reached();
      for (Digest.Algorithm algorithm : Digest.Algorithm.values()) {
        Path blobs = directory.resolve("blobs").resolve(algorithm.text());
        if (!Files.isDirectory(blobs)) {
          continue;
        }
        try (DirectoryStream<Path> all = Files.newDirectoryStream(blobs)) {
          for (Path blob : all) {
            if (!reached.contains(blob)) {
              Files.delete(blob);
            }
          }
        }
      }
    });
  }

  private Set<Path> reached() throws IOException {
    Set<Path> out = new HashSet<>();
    Deque<Descriptor> pending =
        new ArrayDeque<>(
            ImageManifest.parse(Files.readAllBytes(index), index.toString()).manifests());
    while (!pending.isEmpty()) {
      Descriptor next = pending.poll();
      boolean leads = MediaType.isIndex(next.mediaType()) || MediaType.isManifest(next.mediaType());
      Path blob = ContentProvider.blob(directory, next.digest());
      if (out.add(blob) && leads) {
        ImageManifest manifest =
            ImageManifest.parse(Files.readAllBytes(blob), next.digest().toString());
        manifest.config().ifPresent(pending::add);
        pending.addAll(manifest.layers());
        pending.addAll(manifest.manifests());
      }
    }
    return out;
  }

  /** What is done while nobody else changes the index. */
  @FunctionalInterface
  private interface Change {
    void make() throws IOException;
  }

  private void locked(Change change) throws IOException {
    Path lockFile = directory.resolve("index.json.lock");
    try (FileChannel channel =
            FileChannel.open(lockFile, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        FileLock lock = channel.tryLock()) {
      if (lock == null) {
        throw new BuildException(Category.UNAVAILABLE, "could not lock " + lockFile);
      }
      change.make();
    } finally {
      Files.deleteIfExists(lockFile);
    }
  }

  private static boolean isSame(Map<String, String> a, Map<String, String> b) {
    return String.valueOf(a.get(REF_NAME)).equals(b.get(REF_NAME))
        && String.valueOf(a.get(IMAGE_NAME)).equals(String.valueOf(b.get(IMAGE_NAME)));
  }
}
