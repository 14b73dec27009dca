package dev.buildd.base.text;

import java.util.Locale;
import java.util.OptionalLong;
import java.util.regex.Pattern;

/** Sizes as Docker writes them: {@code 64m}, {@code 1.5GiB}, in powers of 1024. */
public final class ByteSize {
  private static final Pattern NUMBER =
      Pattern.compile("[+-]?(?:[0-9]+\\.?[0-9]*|\\.[0-9]+)(?:[eE][+-]?[0-9]+)?");
  private static final String UNITS = "kmgtp";

  private ByteSize() {}

  /** How many bytes; empty if the text is no size. */
  public static OptionalLong parse(String text) {
    int end = text.length();
    while (end > 0 && "0123456789. ".indexOf(text.charAt(end - 1)) < 0) {
      end--;
    }
    boolean blank = end > 0 && text.charAt(end - 1) == ' ';
    String number = text.substring(0, blank ? end - 1 : end);
    double factor = factor(text.substring(end).toLowerCase(Locale.ROOT));
    if (!NUMBER.matcher(number).matches() || factor == 0) {
      return OptionalLong.empty();
    }
    double size = Double.parseDouble(number);
    return size < 0 || Double.isInfinite(size)
        ? OptionalLong.empty()
        : OptionalLong.of((long) (size * factor));
  }

  /** What a unit multiplies by; 0 if it is none. */
  private static double factor(String unit) {
    if (unit.isEmpty() || unit.equals("b")) {
      return 1;
    }
    int power = UNITS.indexOf(unit.charAt(0)) + 1;
    String rest = unit.substring(1);
    boolean known = rest.isEmpty() || rest.equals("b") || rest.equals("ib");
    return power > 0 && known ? Math.pow(1024, power) : 0;
  }
}
