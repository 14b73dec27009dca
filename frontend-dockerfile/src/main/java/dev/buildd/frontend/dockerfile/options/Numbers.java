package dev.buildd.frontend.dockerfile.options;

import dev.buildd.base.text.GoQuote;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import java.math.BigInteger;
import java.util.regex.Pattern;

/** Decimal numbers with the error texts of Go's {@code strconv}. */
final class Numbers {
  private static final Pattern SIGNED = Pattern.compile("[+-]?[0-9]+");
  private static final Pattern UNSIGNED = Pattern.compile("[0-9]+");

  private Numbers() {}

  static long signed(String text) {
    return parse("ParseInt", SIGNED, text);
  }

  static long unsigned(String text) {
    return parse("ParseUint", UNSIGNED, text);
  }

  private static long parse(String function, Pattern form, String text) {
    if (!form.matcher(text).matches()) {
      throw failure(function, text, "invalid syntax");
    }
    try {
      return new BigInteger(text).longValueExact();
    } catch (ArithmeticException e) {
      throw failure(function, text, "value out of range");
    }
  }

  private static DockerfileException failure(String function, String text, String why) {
    return new DockerfileException(
        "strconv." + function + ": parsing " + GoQuote.of(text) + ": " + why);
  }
}
