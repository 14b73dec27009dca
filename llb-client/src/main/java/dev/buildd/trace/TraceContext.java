package dev.buildd.trace;

import dev.buildd.base.text.Ids;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where in somebody's trace something belongs, as W3C's Trace Context says.
 *
 * @param trace the trace, 32 hexadecimal digits
 * @param span the span in it, 16 hexadecimal digits
 * @param sampled whether the trace is one that is kept
 */
public record TraceContext(String trace, String span, boolean sampled) {
  /** What it is called in the metadata of a call. */
  public static final String HEADER = "traceparent";

  private static final Pattern FORM =
      Pattern.compile("([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?");
  private static final String FORBIDDEN = "ff"; // as a version
  private static final String FIRST = "00";

  /** Reads a header; empty if it is not one, for then the sender has no trace. */
  public static Optional<TraceContext> parse(String header) {
    Matcher matcher = FORM.matcher(header);
    if (!matcher.matches()
        || matcher.group(1).equals(FORBIDDEN)
        || (matcher.group(1).equals(FIRST) && matcher.group(5) != null)
        || isZero(matcher.group(2))
        || isZero(matcher.group(3))) {
      return Optional.empty();
    }
    boolean sampled = (Integer.parseInt(matcher.group(4), 16) & 1) != 0;
    return Optional.of(new TraceContext(matcher.group(2), matcher.group(3), sampled));
  }

  /** The start of a trace of its own. */
  public static TraceContext root() {
    return new TraceContext(Ids.hexadecimal(16), Ids.hexadecimal(8), true);
  }

  /** The place of a part of this. */
  public TraceContext child() {
    return new TraceContext(trace, Ids.hexadecimal(8), sampled);
  }

  /** As it stands in the metadata of a call. */
  public String header() {
    return FIRST + "-" + trace + "-" + span + (sampled ? "-01" : "-00");
  }

  private static boolean isZero(String digits) {
    return digits.chars().allMatch(c -> c == '0');
  }
}
