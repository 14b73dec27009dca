package dev.buildd.buildctl.format;

import java.util.Locale;

/** Sizes in decimal units. */
public final class Units {
  private static final String[] NAMES = {"kB", "MB", "GB", "TB", "PB", "EB"};

  private Units() {}

  /** With two decimals from a kilobyte on: {@code 5B}, {@code 3.14MB}. */
  public static String bytes(long size) {
    if (Math.abs(size) < 1000) {
      return size + "B";
    }
    double value = size;
    int unit = -1;
    while (Math.abs(value) >= 1000 && unit < NAMES.length - 1) {
      value /= 1000;
      unit++;
    }
    return String.format(Locale.ROOT, "%.2f%s", value, NAMES[unit]);
  }

  /** With as many decimals as are needed: {@code 512MB}. */
  public static String shortest(long size) {
    double value = size;
    int unit = -1;
    while (Math.abs(value) >= 1000 && unit < NAMES.length - 1) {
      value /= 1000;
      unit++;
    }
    String text = value == Math.rint(value) ? Long.toString((long) value) : Double.toString(value);
    return text + (unit < 0 ? "B" : NAMES[unit]);
  }
}
