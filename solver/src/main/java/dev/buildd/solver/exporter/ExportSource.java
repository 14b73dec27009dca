package dev.buildd.solver.exporter;

import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.json.Json;
import dev.buildd.cache.ImmutableRef;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.json.JsonFactory;

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
  private static final JsonFactory JSON = new JsonFactory();

  public ExportSource {
    refs = new LinkedHashMap<>(refs);
    metadata = Map.copyOf(metadata);
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

  /**
   * The ids of the platforms that the frontend named; if it named none, of the one that the result
   * is for.
   */
  public List<String> platformIds() {
    byte[] json = metadata.get(PLATFORMS);
    if (json == null || json.length == 0) {
      if (isMap()) {
        throw BuildException.invalid("unable to export multiple refs, missing platforms mapping");
      }
      return List.of(platform().format());
    }
    List<String> ids = parse(json);
    if (ids.isEmpty()) {
      throw BuildException.invalid("invalid empty platforms index for exporter");
    }
    Set<String> seen = new HashSet<>();
    for (String id : ids) {
      if (id.isEmpty()) {
        throw BuildException.invalid("invalid empty platform key for exporter");
      }
      if (!seen.add(id)) {
        throw BuildException.invalid("duplicate platform " + id + " for exporter");
      }
    }
    if (!isMap() && ids.size() > 1) {
      throw BuildException.invalid("unable to export multiple platforms without map");
    }
    return ids;
  }

  /** What the image config says, else this machine's. */
  private Platform platform() {
    byte[] config = metadata.get(CONFIG);
    if (config == null || config.length == 0) {
      return Platform.host();
    }
    Map<String, Object> image = Json.parseObject(config, "image config");
    String os = Json.text(image, "os");
    String architecture = Json.text(image, "architecture");
    return os.isEmpty() || architecture.isEmpty()
        ? Platform.host()
        : new Platform(
                os,
                architecture,
                Json.text(image, "variant"),
                Json.text(image, "os.version"),
                List.of())
            .normalized();
  }

  /** Reads the ids of {@code {"Platforms":[{"ID":...,"Platform":{...}}]}}. */
  private static List<String> parse(byte[] json) {
    List<String> ids = new ArrayList<>();
    try (JsonParser in = JSON.createParser(ObjectReadContext.empty(), json)) {
      int depth = 0;
      boolean inList = false;
      String id = "";
      for (JsonToken token = in.nextToken(); token != null; token = in.nextToken()) {
        switch (token) {
          case START_OBJECT -> {
            depth++;
            if (inList && depth == 2) {
              id = "";
            }
          }
          case END_OBJECT -> {
            if (inList && depth == 2) {
              ids.add(id);
            }
            depth--;
          }
          case START_ARRAY -> inList |= depth == 1 && "Platforms".equals(in.currentName());
          case END_ARRAY -> inList &= depth != 1;
          case VALUE_STRING -> {
            if (inList && depth == 2 && "ID".equals(in.currentName())) {
              id = in.getString();
            }
          }
          default -> {}
        }
      }
      return ids;
    } catch (JacksonException e) {
      throw new BuildException(
          Category.INVALID_ARGUMENT,
          "failed to parse platforms passed to exporter: " + e.getOriginalMessage(),
          e);
    }
  }
}
