package dev.buildd.base.http;

import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What part of the whole an answer with status 206 holds (RFC 9110, 14.4).
 *
 * @param end the offset of the first byte after it
 * @param total the size of the whole, if it is told
 */
public record ContentRange(long start, long end, OptionalLong total) {
  private static final Pattern FORM =
      Pattern.compile("bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\\*)");

  /**
   * What a header says; empty if it says nothing that makes sense.
   *
   * @param header the header {@code Content-Range}
   */
  public static Optional<ContentRange> of(String header) {
    Matcher text = FORM.matcher(header);
    if (!text.matches()) {
      return Optional.empty();
    }
    String total = text.group(3);
    ContentRange range =
        new ContentRange(
            Long.parseLong(text.group(1)),
            Long.parseLong(text.group(2)) + 1,
            total.equals("*") ? OptionalLong.empty() : OptionalLong.of(Long.parseLong(total)));
    return range.end > range.start && range.end <= range.total.orElse(Long.MAX_VALUE)
        ? Optional.of(range)
        : Optional.empty();
  }
}
