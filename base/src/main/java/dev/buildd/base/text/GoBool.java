package dev.buildd.base.text;

import java.util.Optional;

/** Truth values as Go's {@code strconv.ParseBool} reads them. */
public final class GoBool {
  private GoBool() {}

  /** The value; empty if the text is none. */
  public static Optional<Boolean> parse(String text) {
    return switch (text) {
      case "1", "t", "T", "true", "TRUE", "True" -> Optional.of(true);
      case "0", "f", "F", "false", "FALSE", "False" -> Optional.of(false);
      default -> Optional.empty();
    };
  }

  /** Whether the text says yes; one that is no truth value does not. */
  public static boolean isTrue(String text) {
    return parse(text).orElse(false);
  }
}
