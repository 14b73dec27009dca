package dev.buildd.frontend.dockerfile.image;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import java.time.DateTimeException;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.temporal.ChronoField;
import java.util.Locale;

/** Times as Go writes them in JSON: RFC 3339, with as many digits of a second as are needed. */
public final class GoTime {
  private static final DateTimeFormatter FORMAT =
      new DateTimeFormatterBuilder()
          .appendPattern("uuuu-MM-dd'T'HH:mm:ss")
          .appendFraction(ChronoField.NANO_OF_SECOND, 0, 9, true)
          .appendOffset("+HH:MM", "Z")
          .toFormatter(Locale.ROOT);

  private GoTime() {}

  public static String format(OffsetDateTime time) {
    return FORMAT.format(time);
  }

  /** The text of seconds since 1970, in UTC. */
  public static String ofEpochSecond(long seconds) {
    return format(
        OffsetDateTime.ofInstant(java.time.Instant.ofEpochSecond(seconds), ZoneOffset.UTC));
  }

  /** What Go would write having read the text. */
  static String normalized(String text) {
    try {
      return format(OffsetDateTime.parse(text));
    } catch (DateTimeException e) {
      throw new BuildException(
          Category.INVALID_ARGUMENT, "not a time in an image config: " + text, e);
    }
  }
}
