package dev.buildd.frontend.dockerfile.image;

import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.json.Json;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Image configurations as JSON, written with the reference's order of members, since the bytes are
 * the image's identity (section 4.7).
 */
public final class ImageConfigJson {
  private ImageConfigJson() {}

  // --- reading ---

  /**
   * Reads a configuration.
   *
   * @throws BuildException {@code INVALID_ARGUMENT} if it is none
   */
  public static ImageConfig read(byte[] json) {
    Map<String, Object> image = Json.parseObject(json, "image config");
    Map<String, Object> rootfs = Json.object(image, "rootfs");
    return new ImageConfig(
        time(image, "created"),
        Json.text(image, "author"),
        new Platform(
            Json.text(image, "os"),
            Json.text(image, "architecture"),
            Json.text(image, "variant"),
            Json.text(image, "os.version"),
            Json.texts(image, "os.features")),
        Json.text(rootfs, "type"),
        rootfs.containsKey("diff_ids")
            ? Optional.of(Json.texts(rootfs, "diff_ids"))
            : Optional.<List<String>>empty(),
        Json.objects(image, "history").stream().map(ImageConfigJson::history).toList(),
        container(Json.object(image, "config")));
  }

  private static Optional<String> time(Map<String, Object> object, String name) {
    String text = Json.text(object, name);
    return text.isEmpty() ? Optional.empty() : Optional.of(GoTime.normalized(text));
  }

  private static boolean flag(Map<String, Object> object, String name) {
    return object.get(name) instanceof Boolean value && value;
  }

  private static ImageConfig.History history(Map<String, Object> entry) {
    return new ImageConfig.History(
        time(entry, "created"),
        Json.text(entry, "created_by"),
        Json.text(entry, "author"),
        Json.text(entry, "comment"),
        flag(entry, "empty_layer"));
  }

  private static ImageConfig.Container container(Map<String, Object> config) {
    Map<String, Object> check = Json.object(config, "Healthcheck");
    return new ImageConfig.Container(
        Json.text(config, "User"),
        new TreeSet<>(Json.object(config, "ExposedPorts").keySet()),
        Json.texts(config, "Env"),
        Json.texts(config, "Entrypoint"),
        Json.texts(config, "Cmd"),
        new TreeSet<>(Json.object(config, "Volumes").keySet()),
        Json.text(config, "WorkingDir"),
        new TreeMap<>(Json.textMap(config, "Labels")),
        Json.text(config, "StopSignal"),
        flag(config, "ArgsEscaped"),
        config.containsKey("Healthcheck")
            ? Optional.of(
                new ImageConfig.Healthcheck(
                    Json.texts(check, "Test"),
                    Json.number(check, "Interval"),
                    Json.number(check, "Timeout"),
                    Json.number(check, "StartPeriod"),
                    Json.number(check, "StartInterval"),
                    Json.number(check, "Retries")))
            : Optional.<ImageConfig.Healthcheck>empty(),
        Json.texts(config, "OnBuild"),
        Json.texts(config, "Shell"));
  }

  // --- writing ---

  public static byte[] write(ImageConfig image) {
    Members out = new Members();
    Platform platform = image.platform();
    image.created().ifPresent(at -> out.put("created", at));
    out.text("author", image.author());
    out.put("architecture", platform.architecture());
    out.put("os", platform.os());
    out.text("os.version", platform.osVersion());
    out.list("os.features", platform.osFeatures());
    out.text("variant", platform.variant());
    SequencedMap<String, Object> rootfs = new LinkedHashMap<>();
    rootfs.put("type", image.rootfsType());
    putOrNull(rootfs, "diff_ids", image.diffIds());
    out.put("rootfs", rootfs);
    out.list("history", image.history().stream().map(ImageConfigJson::members).toList());
    out.put("config", members(image.container()));
    return Json.bytes(out.members);
  }

  // a list that nobody spoke of is null, not left out
  @SuppressWarnings("NullAway") // the writer takes null for a value
  private static void putOrNull(Map<String, Object> out, String name, Optional<List<String>> list) {
    out.put(name, list.orElse(null));
  }

  private static Map<String, Object> members(ImageConfig.History entry) {
    Members out = new Members();
    entry.created().ifPresent(at -> out.put("created", at));
    out.text("created_by", entry.createdBy());
    out.text("author", entry.author());
    out.text("comment", entry.comment());
    out.flag("empty_layer", entry.emptyLayer());
    return out.members;
  }

  private static Map<String, Object> members(ImageConfig.Container container) {
    Members out = new Members();
    out.text("User", container.user());
    out.set("ExposedPorts", container.exposedPorts());
    out.list("Env", container.env());
    out.list("Entrypoint", container.entrypoint());
    out.list("Cmd", container.command());
    out.set("Volumes", container.volumes());
    out.text("WorkingDir", container.workingDir());
    if (!container.labels().isEmpty()) {
      out.put("Labels", container.labels());
    }
    out.text("StopSignal", container.stopSignal());
    out.flag("ArgsEscaped", container.argsEscaped());
    container.healthcheck().ifPresent(check -> out.put("Healthcheck", members(check)));
    out.list("OnBuild", container.onBuild());
    out.list("Shell", container.shell());
    return out.members;
  }

  private static Map<String, Object> members(ImageConfig.Healthcheck check) {
    Members out = new Members();
    out.list("Test", check.test());
    out.number("Interval", check.interval());
    out.number("Timeout", check.timeout());
    out.number("StartPeriod", check.startPeriod());
    out.number("StartInterval", check.startInterval());
    out.number("Retries", check.retries());
    return out.members;
  }

  /** The members of an object; what is empty is left out. */
  private static final class Members {
    final SequencedMap<String, Object> members = new LinkedHashMap<>();

    void put(String name, Object value) {
      members.put(name, value);
    }

    void text(String name, String value) {
      if (!value.isEmpty()) {
        members.put(name, value);
      }
    }

    void list(String name, List<?> value) {
      if (!value.isEmpty()) {
        members.put(name, value);
      }
    }

    void set(String name, SortedSet<String> value) {
      if (!value.isEmpty()) {
        SequencedMap<String, Object> out = new LinkedHashMap<>();
        value.forEach(key -> out.put(key, Map.of()));
        members.put(name, out);
      }
    }

    void number(String name, long value) {
      if (value != 0) {
        members.put(name, value);
      }
    }

    void flag(String name, boolean value) {
      if (value) {
        members.put(name, true);
      }
    }
  }
}
