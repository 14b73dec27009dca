package dev.buildd.frontend.dockerfile.convert;

import java.math.BigDecimal;

/** Durations as Go prints them: {@code 1m30s}, {@code 1.5s}, {@code 20ms}. */
final class GoDuration {
  private static final long SECOND = 1_000_000_000L;
  private static final long MINUTE = 60 * SECOND;
  private static final long HOUR = 60 * MINUTE;

  private GoDuration() {}

  static String format(long nanos) {
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
      return decimal(nanos, 3) + "µs";
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
}
