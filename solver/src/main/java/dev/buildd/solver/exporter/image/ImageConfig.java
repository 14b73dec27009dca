package dev.buildd.solver.exporter.image;

import dev.buildd.base.content.DefaultPath;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.json.Json;
import dev.buildd.base.json.RawJson;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The config of an image to be (OCI image-spec, config): what the frontend wrote, made to agree
 * with the layers there are. The bytes are BuildKit's.
 */
final class ImageConfig {
  private static final String COMMENT = "buildkit.exporter.image.v0";
  private static final String INLINE_CACHE = "moby.buildkit.cache.v0";
  private static final String PATH = "PATH=" + DefaultPath.UNIX;

  private ImageConfig() {}

  /**
   * One line of an image's history.
   *
   * @param created in its own time zone, as it was written
   */
  record History(
      Optional<OffsetDateTime> created,
      String createdBy,
      String author,
      String comment,
      boolean emptyLayer) {

    History createdAt(Optional<OffsetDateTime> time) {
      return new History(time, createdBy, author, comment, emptyLayer);
    }

    History empty() {
      return new History(created, createdBy, author, comment, true);
    }

    private Map<String, Object> toJson() {
      Map<String, Object> out = new LinkedHashMap<>();
      created.ifPresent(time -> out.put("created", goTime(time)));
      putText(out, "created_by", createdBy);
      putText(out, "author", author);
      putText(out, "comment", comment);
      if (emptyLayer) {
        out.put("empty_layer", true);
      }
      return out;
    }
  }

  /** When and by what a layer was made. */
  record Origin(Instant createdAt, String description) {}

  private static void putText(Map<String, Object> to, String name, String value) {
    if (!value.isEmpty()) {
      to.put(name, value);
    }
  }

  /** A time as Go's {@code time.Time} becomes JSON: nanoseconds without zeros at their end. */
  static String goTime(OffsetDateTime time) {
    StringBuilder out = new StringBuilder(35);
    out.append(
        String.format(
            Locale.ROOT,
            "%04d-%02d-%02dT%02d:%02d:%02d",
            time.getYear(),
            time.getMonthValue(),
            time.getDayOfMonth(),
            time.getHour(),
            time.getMinute(),
            time.getSecond()));
    if (time.getNano() != 0) {
      String digits = String.format(Locale.ROOT, "%09d", time.getNano());
      out.append('.').append(digits.replaceAll("0+$", ""));
    }
    return out.append(time.getOffset().getId()).toString();
  }

  private static OffsetDateTime utc(Instant instant) {
    return instant.atOffset(ZoneOffset.UTC);
  }

  /** What an image without a config is. */
  static byte[] defaults() {
    Platform host = Platform.host().normalized();
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("architecture", host.architecture());
    out.put("os", host.os());
    putText(out, "variant", host.variant());
    Map<String, Object> config = new LinkedHashMap<>();
    config.put("Env", List.of(PATH));
    config.put("WorkingDir", "/");
    out.put("config", config);
    Map<String, Object> rootfs = new LinkedHashMap<>();
    rootfs.put("type", "layers");
    rootfs.put("diff_ids", null);
    out.put("rootfs", rootfs);
    return Json.bytes(out);
  }

  static List<History> history(byte[] config, String what) {
    List<History> out = new ArrayList<>();
    for (Map<String, Object> one : Json.objects(Json.parseObject(config, what), "history")) {
      out.add(
          new History(
              time(Json.text(one, "created"), what),
              Json.text(one, "created_by"),
              Json.text(one, "author"),
              Json.text(one, "comment"),
              Boolean.TRUE.equals(one.get("empty_layer"))));
    }
    return out;
  }

  private static Optional<OffsetDateTime> time(String text, String what) {
    if (text.isEmpty()) {
      return Optional.empty();
    }
    try {
      return Optional.of(OffsetDateTime.parse(text));
    } catch (DateTimeParseException e) {
      throw new BuildException(
          Category.INVALID_ARGUMENT, what + ": invalid time \"" + text + "\"", e);
    }
  }

  /** A line for each layer, and a time for each line. */
  static List<History> normalized(List<History> history, List<Origin> layers) {
    List<History> out = new ArrayList<>(history);
    int described = 0;
    for (int i = 0; i < out.size(); i++) {
      if (!out.get(i).emptyLayer() && described == layers.size()) {
        out.set(i, out.get(i).empty()); // a line for which there is no layer
      } else if (!out.get(i).emptyLayer()) {
        described++;
      }
    }
    for (Origin layer : layers.subList(described, layers.size())) {
      out.add(
          new History(
              Optional.of(utc(layer.createdAt())),
              layer.description().isEmpty() ? "created by buildkit" : layer.description(),
              "",
              COMMENT,
              false));
    }
    int layer = 0;
    for (int i = 0; i < out.size(); i++) {
      History line = out.get(i);
      if (!line.emptyLayer()) {
        if (line.created().isEmpty()) {
          out.set(i, line.createdAt(Optional.of(utc(layers.get(layer).createdAt()))));
        }
        layer++;
      }
    }
    fillTimes(out);
    return out;
  }

  /**
   * A line without a time gets that of the line before it; the first ones get that of the first new
   * layer, lest they seem as old as the base image.
   */
  private static void fillTimes(List<History> lines) {
    Optional<OffsetDateTime> created = Optional.empty();
    boolean missing = false;
    for (History line : lines) {
      if (line.created().isPresent()) {
        created = line.created();
        if (missing) {
          break;
        }
      } else {
        missing = true;
      }
    }
    missing = false;
    for (int i = 0; i < lines.size(); i++) {
      History line = lines.get(i);
      if (line.created().isPresent()) {
        if (missing) {
          created = line.created();
        }
      } else {
        missing = true;
        lines.set(i, line.createdAt(created));
      }
    }
  }

  /**
   * The config that goes into the image.
   *
   * @param base the history of the image it was built on, whose times are kept
   * @param inlineCache what {@code type=inline} adds
   */
  static byte[] patched(
      byte[] config,
      List<Digest> diffIds,
      List<History> history,
      List<History> base,
      Optional<Instant> epoch,
      byte @Nullable [] inlineCache) {
    Map<String, Object> parsed = Json.parseObject(config, "image config for export");
    for (String needed : List.of("os", "architecture")) {
      if (Json.text(parsed, needed).isEmpty()) {
        throw BuildException.invalid("invalid image config for export: missing " + needed);
      }
    }
    RawJson out = RawJson.parse(config, "image config for export");
    Map<String, Object> rootfs = new LinkedHashMap<>();
    rootfs.put("type", "layers");
    rootfs.put(
        "diff_ids", diffIds.isEmpty() ? null : diffIds.stream().map(Digest::toString).toList());
    out.put("rootfs", rootfs);
    List<History> lines = epoch.isPresent() ? clamped(history, base, epoch.get()) : history;
    out.put("history", lines.isEmpty() ? null : lines.stream().map(History::toJson).toList());
    Optional<OffsetDateTime> created = time(Json.text(parsed, "created"), "image config");
    if (created.isPresent()
        && epoch.isPresent()
        && created.get().toInstant().isAfter(epoch.get())) {
      out.put("created", goTime(utc(epoch.get())));
    }
    if (!out.has("created")) {
      Optional<OffsetDateTime> last = Optional.empty();
      for (History line : lines) {
        last = line.created().isPresent() ? line.created() : last;
      }
      out.put("created", last.map(ImageConfig::goTime).orElse(null));
    }
    if (inlineCache != null) {
      out.put(INLINE_CACHE, Base64.getEncoder().encodeToString(inlineCache));
    }
    return out.toBytes();
  }

  private static List<History> clamped(List<History> history, List<History> base, Instant epoch) {
    List<History> out = new ArrayList<>();
    boolean ofBase = true;
    for (int i = 0; i < history.size(); i++) {
      History line = history.get(i);
      ofBase = ofBase && i < base.size() && line.equals(base.get(i));
      boolean late = line.created().isEmpty() || line.created().get().toInstant().isAfter(epoch);
      out.add(!ofBase && late ? line.createdAt(Optional.of(utc(epoch))) : line);
    }
    return out;
  }
}
