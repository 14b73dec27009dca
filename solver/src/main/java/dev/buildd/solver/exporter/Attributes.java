package dev.buildd.solver.exporter;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.text.GoBool;
import dev.buildd.cache.LayerBlobs;
import dev.buildd.snapshot.layer.Compression;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/** How values of exporters' attributes are spelled. */
public final class Attributes {
  private static final String COMPRESSION = "compression";
  private static final String LEVEL = "compression-level";
  private static final String FORCE = "force-compression";
  private static final String EPOCH = "source-date-epoch";
  private static final String EPOCH_METADATA = "source.date.epoch";

  private Attributes() {}

  /** A truth value; empty text means yes. */
  public static boolean bool(String name, String value) {
    return value.isEmpty() || strictBool(name, value);
  }

  /** A truth value as Go's {@code strconv.ParseBool} takes it. */
  public static boolean strictBool(String name, String value) {
    return GoBool.parse(value)
        .orElseThrow(
            () -> BuildException.invalid("non-bool value specified for " + name + ": " + value));
  }

  /** A truth value as {@link #strictBool} reads it, where the attribute is given. */
  public static boolean strictBool(Map<String, String> attributes, String name, boolean otherwise) {
    String value = attributes.get(name);
    return value == null ? otherwise : strictBool(name, value);
  }

  /** Whether the attribute is one of those that {@link #compression} reads. */
  public static boolean isCompression(String name) {
    return switch (name) {
      case COMPRESSION, LEVEL, FORCE -> true;
      default -> false;
    };
  }

  /** How layers are to be compressed: gzip, unless something else is asked for. */
  public static LayerBlobs.CompressionConfig compression(Map<String, String> attributes) {
    String level = attributes.get(LEVEL);
    String force = attributes.get(FORCE);
    return new LayerBlobs.CompressionConfig(
        Compression.parse(attributes.getOrDefault(COMPRESSION, "gzip")),
        level == null ? OptionalInt.empty() : OptionalInt.of((int) integer(LEVEL, level)),
        force != null && bool(FORCE, force));
  }

  public static long integer(String name, String value) {
    try {
      return Long.parseLong(value);
    } catch (NumberFormatException e) {
      throw new BuildException(
          Category.INVALID_ARGUMENT, "non-integer value " + value + " specified for " + name, e);
    }
  }

  /** Seconds since the epoch that a request asks for. */
  public static Optional<Long> epoch(Map<String, String> attributes) {
    String text = attributes.getOrDefault(EPOCH, "");
    if (text.isEmpty()) {
      return Optional.empty();
    }
    try {
      return Optional.of(Long.parseLong(text));
    } catch (NumberFormatException e) {
      throw new BuildException(Category.INVALID_ARGUMENT, "invalid SOURCE_DATE_EPOCH: " + text, e);
    }
  }

  /** Seconds since the epoch that a frontend asks for. */
  public static OptionalLong epoch(ExportSource source, String platformId) {
    byte[] value = source.metadata(EPOCH_METADATA, platformId);
    if (value.length == 0) {
      return OptionalLong.empty();
    }
    String text = new String(value, StandardCharsets.UTF_8);
    try {
      return OptionalLong.of(Long.parseLong(text));
    } catch (NumberFormatException e) {
      throw new BuildException(Category.INVALID_ARGUMENT, "invalid source.date.epoch: " + text, e);
    }
  }
}
