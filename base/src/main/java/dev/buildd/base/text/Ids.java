package dev.buildd.base.text;

import java.math.BigInteger;
import java.security.SecureRandom;

/** Random names, 25 letters and digits, as all of BuildKit's are. */
public final class Ids {
  private static final SecureRandom RANDOM = new SecureRandom();
  private static final int LENGTH = 25;

  private Ids() {}

  public static String random() {
    String text = new BigInteger(128, RANDOM).toString(36);
    return "0".repeat(LENGTH - text.length()) + text;
  }
}
