package dev.buildd.client;

import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.json.Json;
import dev.buildd.base.text.GoBool;
import dev.buildd.gateway.CacheEntry;
import dev.buildd.session.content.ContentProvider;
import dev.buildd.session.filesync.FileSendTarget;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Directories of this machine from which a build takes blobs, or into which it puts them: caches of
 * type {@code local}, images exported with {@code tar=false}, and OCI layouts as sources.
 */
final class LocalStores {
  private static final Logger log = LoggerFactory.getLogger(LocalStores.class);

  private final Map<String, Path> directories = new LinkedHashMap<>();
  private final Map<String, Path> layouts = new LinkedHashMap<>();
  private final Map<Path, String> cacheTags = new LinkedHashMap<>();
  private final List<Path> resets = new ArrayList<>();
  private final List<Path> images = new ArrayList<>();
  private final List<CacheEntry> imports = new ArrayList<>();

  private LocalStores() {}

  static LocalStores of(SolveOptions options) throws IOException {
    LocalStores out = new LocalStores();
    for (CacheEntry export : options.cacheExports()) {
      if (export.type().equals("local")) {
        out.addExport(export.attrs());
      }
    }
    for (CacheEntry wanted : options.cacheImports()) {
      if (wanted.type().equals("local")) {
        out.addImport(wanted.attrs());
      } else {
        out.imports.add(wanted);
      }
    }
    options.ociLayouts().forEach((name, layout) -> out.layouts.put("oci:" + name, layout));
    for (SolveOptions.Export export : options.exports()) {
      if (export.target().isPresent()
          && export.target().get() instanceof FileSendTarget.Target.Layout(Path directory)) {
        Files.createDirectories(directory);
        if (out.directories.putIfAbsent("export", directory) != null) {
          throw BuildException.invalid("only one export with tar=false is possible");
        }
        out.images.add(directory);
      }
    }
    return out;
  }

  private void addExport(Map<String, String> attributes) throws IOException {
    String destination = attributes.getOrDefault("dest", "");
    if (destination.isEmpty()) {
      throw BuildException.invalid("local cache exporter requires dest");
    }
    boolean reset = isReset(attributes);
    Path directory = Files.createDirectories(Path.of(destination));
    directories.put("local:" + destination, directory);
    cacheTags.put(directory, attributes.getOrDefault("tag", "latest"));
    if (reset) {
      resets.add(directory);
    }
  }

  private static boolean isReset(Map<String, String> attributes) {
    String value = attributes.getOrDefault("reset", "false");
    return GoBool.parse(value)
        .orElseThrow(
            () -> BuildException.invalid("failed to parse reset attribute: \"" + value + "\""));
  }

  /** A cache that is not there is left out: the build can do without. */
  private void addImport(Map<String, String> attributes) throws IOException {
    String source = attributes.getOrDefault("src", "");
    if (source.isEmpty()) {
      throw BuildException.invalid("local cache importer requires src");
    }
    Path directory = Path.of(source);
    String digest = attributes.getOrDefault("digest", "");
    if (digest.isEmpty()) {
      String tag = attributes.getOrDefault("tag", "latest");
      try {
        digest = new OciLayout(directory).find(tag).map(Digest::toString).orElse("");
      } catch (BuildException e) {
        log.warn("local cache import at {} skipped: {}", source, e.getMessage());
        return;
      }
    }
    if (digest.isEmpty()
        || !Files.isRegularFile(ContentProvider.blob(directory, Digest.parse(digest)))) {
      log.warn("local cache import at {} skipped: there is none", source);
      return;
    }
    directories.put("local:" + source, directory);
    Map<String, String> all = new LinkedHashMap<>(attributes);
    all.put("digest", digest);
    imports.add(new CacheEntry("local", all));
  }

  /** The imports that the daemon is asked for. */
  List<CacheEntry> imports() {
    return List.copyOf(imports);
  }

  Optional<ContentProvider> provider() {
    return directories.isEmpty() && layouts.isEmpty()
        ? Optional.empty()
        : Optional.of(new ContentProvider(directories, layouts));
  }

  /** Ends a build that went well: what it left in the directories gets into their indexes. */
  void finish(Map<String, String> response) throws IOException {
    tagCaches(response);
    nameImages(response);
    for (Path directory : resets) {
      try {
        new OciLayout(directory).deleteUnreached();
      } catch (IOException | BuildException e) {
        log.warn("local cache at {} keeps what it does not need any more", directory, e);
      }
    }
  }

  private void tagCaches(Map<String, String> response) throws IOException {
    String cache = response.getOrDefault("cache.manifest", "");
    if (!cache.isEmpty()) {
      Map<String, Object> descriptor =
          Json.parseObject(cache.getBytes(StandardCharsets.UTF_8), "cache.manifest");
      for (Map.Entry<Path, String> entry : cacheTags.entrySet()) {
        new OciLayout(entry.getKey()).tag(descriptor, entry.getValue());
      }
    }
  }

  private void nameImages(Map<String, String> response) throws IOException {
    String image = response.getOrDefault("containerimage.descriptor", "");
    if (image.isEmpty()) {
      return;
    }
    Map<String, Object> descriptor =
        Json.parseObject(Base64.getDecoder().decode(image), "containerimage.descriptor");
    String names = response.getOrDefault("image.name", "");
    for (Path directory : images) {
      OciLayout layout = new OciLayout(directory);
      if (names.isEmpty()) {
        layout.tag(descriptor, "latest");
      }
      for (String name : names.isEmpty() ? new String[0] : names.split(",", -1)) {
        layout.name(descriptor, name);
      }
    }
  }
}
