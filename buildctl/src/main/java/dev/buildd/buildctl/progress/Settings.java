package dev.buildd.buildctl.progress;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * How displays look, as the user's environment says: {@code NO_COLOR}, {@code BUILDKIT_COLORS},
 * {@code BUILDKIT_TTY_LOG_LINES}, {@code TTY_DISPLAY_RATE}, {@code PROGRESS_NO_TRUNC}.
 *
 * @param colors escape sequences by what they are for: run, cancel, warning, error
 * @param logLines of a running step
 * @param frameMillis the least time between two frames
 * @param truncateNames whether plain progress cuts long names
 */
record Settings(Map<String, String> colors, int logLines, int frameMillis, boolean truncateNames) {
  private static final int LOG_LINES = 6;
  private static final int FRAME_MILLIS = 100;

  private static final Map<String, Integer> NAMED =
      Map.ofEntries(
          Map.entry("default", 39),
          Map.entry("black", 30),
          Map.entry("red", 31),
          Map.entry("green", 32),
          Map.entry("yellow", 33),
          Map.entry("blue", 34),
          Map.entry("magenta", 35),
          Map.entry("cyan", 36),
          Map.entry("white", 37),
          Map.entry("light-black", 90),
          Map.entry("light-red", 91),
          Map.entry("light-green", 92),
          Map.entry("light-yellow", 93),
          Map.entry("light-blue", 94),
          Map.entry("light-magenta", 95),
          Map.entry("light-cyan", 96),
          Map.entry("light-white", 97));

  static Settings of(Map<String, String> environment) {
    return new Settings(
        colors(environment),
        number(environment, "BUILDKIT_TTY_LOG_LINES").orElse(LOG_LINES),
        number(environment, "TTY_DISPLAY_RATE").orElse(FRAME_MILLIS),
        "0".equals(environment.get("PROGRESS_NO_TRUNC")));
  }

  private static Optional<Integer> number(Map<String, String> environment, String name) {
    try {
      int value = Integer.parseInt(environment.getOrDefault(name, ""));
      return value > 0 ? Optional.of(value) : Optional.empty();
    } catch (NumberFormatException e) {
      return Optional.empty();
    }
  }

  private static Map<String, String> colors(Map<String, String> environment) {
    if (!environment.getOrDefault("NO_COLOR", "").isEmpty()) {
      return Map.of();
    }
    Map<String, String> colors = new HashMap<>();
    colors.put("run", escape(34));
    colors.put("cancel", escape(33));
    colors.put("warning", escape(33));
    colors.put("error", escape(31));
    for (String field : environment.getOrDefault("BUILDKIT_COLORS", "").split(":")) {
      int equals = field.indexOf('=');
      String key = field.substring(0, Math.max(0, equals)).toLowerCase(Locale.ROOT);
      if (colors.containsKey(key)) {
        color(field.substring(equals + 1)).ifPresent(color -> colors.put(key, color));
      }
    }
    return colors;
  }

  private static String escape(int code) {
    return "\u001b[" + code + "m";
  }

  private static Optional<String> color(String text) {
    Integer named = NAMED.get(text.toLowerCase(Locale.ROOT));
    if (named != null) {
      return Optional.of(escape(named));
    }
    String[] parts = text.split(",");
    if (parts.length != 3) {
      return Optional.empty();
    }
    int code = 16;
    int weight = 36;
    for (String part : parts) {
      try {
        int value = Integer.parseInt(part);
        if (value < 0 || value > 255) {
          return Optional.empty();
        }
        code += weight * Math.round(value * 5 / 255f);
        weight /= 6;
      } catch (NumberFormatException e) {
        return Optional.empty();
      }
    }
    return Optional.of("\u001b[38;5;" + code + "m");
  }
}
