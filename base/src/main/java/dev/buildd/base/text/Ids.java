package dev.buildd.base.text;

import java.math.BigInteger;
import java.security.SecureRandom;
import java.util.HexFormat;

/** Random names. */
public final class Ids {
  private static final SecureRandom RANDOM = new SecureRandom();
  private static final int LENGTH = 25;

  private Ids() {}

  /** 25 letters and digits, as all of BuildKit's are. */
  public static String random() {
    String text = new BigInteger(128, RANDOM).toString(36);
    return "0".repeat(LENGTH - text.length()) + text;
  }

  /** Two hexadecimal digits for each of so many random bytes. */
  public static String hexadecimal(int bytes) {
    byte[] random = new byte[bytes];
    RANDOM.nextBytes(random);
    return HexFormat.of().formatHex(random);
  }
}
