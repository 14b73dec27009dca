package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.frontend.dockerfile.source.DockerfileException;
import java.util.regex.Pattern;

/** What {@code --chmod} may say: octal, or as chmod of BSD reads it (section 3.5). */
final class ChangedMode {
  private static final Pattern OCTAL = Pattern.compile("[0-7]+");
  private static final Pattern SYMBOLIC;
  private static final int MAX = 07777;

  static {
    String clause = "[ugoa]*(?:[-+=](?:[ugo]|[rwxXst]*))+";
    SYMBOLIC = Pattern.compile(clause + "(?:," + clause + ")*");
  }

  private ChangedMode() {}

  /**
   * @param mode empty if nothing is said
   */
  static void check(String mode) {
    if (mode.isEmpty()) {
      return;
    }
    if (OCTAL.matcher(mode).matches()) {
      String digits = mode.replaceFirst("^0+(?=.)", "");
      if (digits.length() > 4 || Integer.parseInt(digits, 8) > MAX) {
        throw numeric(mode);
      }
    } else if (Character.isDigit(mode.charAt(0))) {
      throw numeric(mode);
    } else if (!SYMBOLIC.matcher(mode).matches()) {
      throw new DockerfileException("invalid syntax");
    }
  }

  private static DockerfileException numeric(String mode) {
    return new DockerfileException(
        "invalid chmod parameter: '"
            + mode
            + "'. it should be octal string and between 0 and 07777");
  }
}
