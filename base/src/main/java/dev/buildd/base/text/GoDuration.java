package dev.buildd.base.text;

import dev.buildd.base.error.BuildException;
import java.math.BigDecimal;

/** Lengths of time as Go reads and prints them: {@code 1h30m}, {@code 1.5s}. */
public final class GoDuration {
  private static final long SECOND = 1_000_000_000L;
  private static final long MINUTE = 60 * SECOND;
  private static final long HOUR = 60 * MINUTE;
  private static final long MAX_BEFORE_DIGIT = Long.MAX_VALUE / 10 - 1;

  private final String text;
  private int at;

  private GoDuration(String text) {
    this.text = text;
  }

  /**
   * Nanoseconds.
   *
   * @throws BuildException {@code INVALID_ARGUMENT}, in Go's words, if the text is anything else
   */
  public static long parse(String text) {
    return new GoDuration(text).read();
  }

  /** The text of nanoseconds. */
  public static String format(long nanos) {
    if (nanos == 0) {
      return "0s";
    }
    if (nanos < 0) {
      return "-" + format(-nanos);
    }
    if (nanos < 1_000) {
      return nanos + "ns";
    }
    if (nanos < 1_000_000) {
      return decimal(nanos, 3) + "\u00B5s";
    }
    if (nanos < SECOND) {
      return decimal(nanos, 6) + "ms";
    }
    StringBuilder out = new StringBuilder();
    if (nanos >= HOUR) {
      out.append(nanos / HOUR).append('h');
    }
    if (nanos >= MINUTE) {
      out.append(nanos % HOUR / MINUTE).append('m');
    }
    return out.append(decimal(nanos % MINUTE, 9)).append('s').toString();
  }

  private static String decimal(long value, int places) {
    BigDecimal number = BigDecimal.valueOf(value, places);
    return number.signum() == 0 ? "0" : number.stripTrailingZeros().toPlainString();
  }

  private long read() {
    boolean negative = text.startsWith("-");
    at = negative || text.startsWith("+") ? 1 : 0;
    if (text.substring(at).equals("0")) {
      return 0;
    }
    if (at == text.length()) {
      throw invalid();
    }
    long sum = 0; // of what is not more than 2^63, as an unsigned number
    while (at < text.length()) {
      sum += part();
      if (isMore(sum)) {
        throw invalid();
      }
    }
    if (!negative && sum < 0) {
      throw invalid(); // 2^63 has a negative only
    }
    return negative ? -sum : sum;
  }

  /** More than 2^63 as an unsigned number. */
  private static boolean isMore(long unsigned) {
    return Long.compareUnsigned(unsigned, Long.MIN_VALUE) > 0;
  }

  private long part() {
    int from = at;
    long whole = whole();
    int wholeDigits = at - from;
    long fraction = 0;
    double scale = 1;
    int fractionDigits = 0;
    if (at < text.length() && text.charAt(at) == '.') {
      at++;
      for (; isDigit(); at++, fractionDigits++) {
        if (fraction <= MAX_BEFORE_DIGIT) { // what is beyond counts for nothing
          fraction = fraction * 10 + (text.charAt(at) - '0');
          scale *= 10;
        }
      }
    }
    if (wholeDigits + fractionDigits == 0) {
      throw invalid();
    }
    long unit = unit();
    if (Long.compareUnsigned(whole, Long.divideUnsigned(Long.MIN_VALUE, unit)) > 0) {
      throw invalid();
    }
    long value = whole * unit + (long) (fraction * (unit / scale));
    if (isMore(value)) {
      throw invalid();
    }
    return value;
  }

  private long whole() {
    long value = 0;
    for (; isDigit(); at++) {
      int digit = text.charAt(at) - '0';
      if (Long.compareUnsigned(value, Long.divideUnsigned(Long.MIN_VALUE, 10)) > 0) {
        throw invalid();
      }
      value = value * 10 + digit;
      if (isMore(value)) {
        throw invalid();
      }
    }
    return value;
  }

  private boolean isDigit() {
    return at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9';
  }

  private long unit() {
    int from = at;
    while (at < text.length() && text.charAt(at) != '.' && !isDigit()) {
      at++;
    }
    String unit = text.substring(from, at);
    return switch (unit) {
      case "" -> throw failure("missing unit in duration " + GoQuote.of(text));
      case "ns" -> 1L;
      case "us", "\u00B5s", "\u03BCs" -> 1_000L;
      case "ms" -> 1_000_000L;
      case "s" -> 1_000_000_000L;
      case "m" -> 60_000_000_000L;
      case "h" -> 3_600_000_000_000L;
      default ->
          throw failure("unknown unit " + GoQuote.of(unit) + " in duration " + GoQuote.of(text));
    };
  }

  private BuildException invalid() {
    return failure("invalid duration " + GoQuote.of(text));
  }

  private static BuildException failure(String what) {
    return BuildException.invalid("time: " + what);
  }
}
