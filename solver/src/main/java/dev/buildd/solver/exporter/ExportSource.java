package dev.buildd.solver.exporter;

import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.json.Json;
import dev.buildd.cache.ImmutableRef;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a build made.
 *
 * @param ref the result, if there is one for all platforms; empty for no files
 * @param refs results by the ids of their platforms
 * @param metadata what the frontend said of the result
 */
public record ExportSource(
    Optional<ImmutableRef> ref,
    Map<String, Optional<ImmutableRef>> refs,
    Map<String, byte[]> metadata) {
  private static final String PLATFORMS = "refs.platforms";
  private static final String CONFIG = "containerimage.config";

  public ExportSource {
    refs = new LinkedHashMap<>(refs);
    metadata = Map.copyOf(metadata);
  }

  /** What was said under a name of one platform, else of all; empty if nothing was. */
  public byte[] metadata(String name, String platformId) {
    byte[] own = metadata.get(name + "/" + platformId);
    return own != null ? own : metadata.getOrDefault(name, new byte[0]);
  }

  /** The same with more metadata. */
  public ExportSource withMetadata(Map<String, byte[]> more) {
    Map<String, byte[]> all = new LinkedHashMap<>(metadata);
    all.putAll(more);
    return new ExportSource(ref, refs, all);
  }

  public boolean isMap() {
    return !refs.isEmpty();
  }

  /** The result of a platform. */
  public Optional<ImmutableRef> find(String platformId) {
    if (!isMap()) {
      return ref;
    }
    Optional<ImmutableRef> found = refs.get(platformId);
    if (found == null) {
      throw BuildException.invalid("failed to find ref for ID " + platformId);
    }
    return found;
  }

  /** Whether the frontend says which platforms its result is for. */
  public boolean namesPlatforms() {
    return metadata.containsKey(PLATFORMS);
  }

  /**
   * The ids of the platforms that the frontend named; if it named none, of the one that the result
   * is for.
   */
  public List<String> platformIds() {
    return List.copyOf(named().keySet());
  }

  /** The platforms themselves, in the same order. */
  public List<Platform> platforms() {
    return List.copyOf(named().values());
  }

  private Map<String, Platform> named() {
    byte[] json = metadata.get(PLATFORMS);
    if (json == null || json.length == 0) {
      if (isMap()) {
        throw BuildException.invalid(
            "build result contains multiple refs without platforms mapping");
      }
      Platform only = platform();
      return Map.of(only.format(), only);
    }
    Map<String, Platform> out = new LinkedHashMap<>();
    Map<String, Object> parsed =
        isNull(json) ? Map.of() : Json.parseObject(json, "platforms passed to exporter");
    for (Map<String, Object> one : Json.objects(parsed, "Platforms")) {
      String id = Json.text(one, "ID");
      if (id.isEmpty()) {
        throw BuildException.invalid("invalid empty platform key for exporter");
      }
      Map<String, Object> value = Json.object(one, "Platform");
      if (Json.text(value, "os").isEmpty() || Json.text(value, "architecture").isEmpty()) {
        throw BuildException.invalid("invalid platform value " + value + " for exporter");
      }
      if (out.put(id, platform(value)) != null) {
        throw BuildException.invalid("duplicate platform " + id + " for exporter");
      }
    }
    if (out.isEmpty()) {
      throw BuildException.invalid("invalid empty platforms index for exporter");
    }
    if (!isMap() && out.size() > 1) {
      throw BuildException.invalid("unable to export multiple platforms without map");
    }
    return out;
  }

  private static boolean isNull(byte[] json) {
    return new String(json, StandardCharsets.UTF_8).strip().equals("null");
  }

  /** What the image config says, else this machine's. */
  private Platform platform() {
    byte[] config = metadata.get(CONFIG);
    if (config == null || config.length == 0) {
      return Platform.host();
    }
    if (isNull(config)) {
      throw BuildException.invalid("invalid null image config for export");
    }
    Map<String, Object> parsed = Json.parseObject(config, "image config");
    if (Json.text(parsed, "os").isEmpty() != Json.text(parsed, "architecture").isEmpty()) {
      throw BuildException.invalid(
          "invalid image config: os and architecture must be specified together");
    }
    return platform(parsed);
  }

  /** A platform as OCI documents write it; this machine's if it is not said. */
  private static Platform platform(Map<String, Object> json) {
    String os = Json.text(json, "os");
    String architecture = Json.text(json, "architecture");
    return os.isEmpty() || architecture.isEmpty()
        ? Platform.host()
        : new Platform(
                os,
                architecture,
                Json.text(json, "variant"),
                Json.text(json, "os.version"),
                List.of())
            .normalized();
  }
}
