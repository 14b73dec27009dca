package dev.buildd.frontend.dockerfile.lex;

import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Texts;
import java.util.HashSet;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/**
 * Reads directives line by line, until the first line that is none: from then on there are none
 * (dockerfile.md section 1.2).
 */
final class DirectiveRun {
  private static final Set<String> KNOWN = Set.of("syntax", "escape", "check");

  private final String marker;
  private final Set<String> seen = new HashSet<>();
  private boolean over;

  /** A directive in lower case, and its value. */
  record Found(String key, String value) {}

  /**
   * @param marker what comments start with
   */
  DirectiveRun(String marker) {
    this.marker = marker;
  }

  boolean isOver() {
    return over;
  }

  /**
   * @throws DockerfileException without a place if the directive has been given before
   */
  Optional<Found> read(String line) {
    if (over) {
      return Optional.empty();
    }
    Optional<Found> found =
        line.startsWith(marker)
            ? parse(Texts.trimLeft(line.substring(marker.length())))
            : Optional.empty();
    if (found.isEmpty()) {
      over = true;
    } else if (!seen.add(found.get().key())) {
      throw new DockerfileException(
          "only one " + found.get().key() + " parser directive can be used");
    }
    return found;
  }

  private static Optional<Found> parse(String text) {
    int end = 0;
    while (end < text.length() && isKeyPart(text.charAt(end), end)) {
      end++;
    }
    int equals = end;
    while (equals < text.length() && isSpace(text.charAt(equals))) {
      equals++;
    }
    if (end == 0 || equals + 1 >= text.length() || text.charAt(equals) != '=') {
      return Optional.empty();
    }
    String key = text.substring(0, end).toLowerCase(Locale.ROOT);
    return KNOWN.contains(key)
        ? Optional.of(new Found(key, value(text, equals + 1)))
        : Optional.empty();
  }

  private static boolean isKeyPart(char c, int at) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (at > 0 && c >= '0' && c <= '9');
  }

  /** The rest without blanks around it; of nothing but blanks the last, for a value has text. */
  private static String value(String text, int from) {
    int start = from;
    while (start < text.length() - 1 && isSpace(text.charAt(start))) {
      start++;
    }
    int end = text.length();
    while (end > start + 1 && isSpace(text.charAt(end - 1))) {
      end--;
    }
    return text.substring(start, end);
  }

  private static boolean isSpace(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
  }
}
