package dev.buildd.frontend.dockerfile.instruction;

/** Addresses of the internet protocols as Go's {@code net.ParseIP} reads them. */
final class IpAddresses {
  private static final int GROUPS = 8;

  private IpAddresses() {}

  static boolean isAddress(String text) {
    return text.indexOf(':') >= 0 ? isVersion6(text) : isVersion4(text);
  }

  private static boolean isVersion4(String text) {
    String[] parts = text.split("\\.", -1);
    if (parts.length != 4) {
      return false;
    }
    for (String part : parts) {
      boolean number =
          !part.isEmpty() && part.length() <= 3 && part.chars().allMatch(IpAddresses::isDigit);
      boolean leadingZero = part.length() > 1 && part.startsWith("0");
      if (!number || leadingZero || Integer.parseInt(part) > 255) {
        return false;
      }
    }
    return true;
  }

  private static boolean isDigit(int c) {
    return c >= '0' && c <= '9';
  }

  private static boolean isVersion6(String text) {
    int gap = text.indexOf("::");
    if (gap < 0) {
      return groups(text, true) == GROUPS;
    }
    int before = groups(text.substring(0, gap), false);
    int after = groups(text.substring(gap + 2), true);
    return before >= 0 && after >= 0 && before + after < GROUPS;
  }

  /** How many groups these are; negative if they are none. The last may be an old address. */
  private static int groups(String text, boolean last) {
    if (text.isEmpty()) {
      return 0;
    }
    String[] parts = text.split(":", -1);
    int count = 0;
    for (int i = 0; i < parts.length; i++) {
      String part = parts[i];
      if (last && i == parts.length - 1 && part.indexOf('.') >= 0) {
        if (!isVersion4(part)) {
          return Integer.MIN_VALUE;
        }
        count += 2;
      } else if (part.isEmpty()
          || part.length() > 4
          || !part.chars().allMatch(c -> c < 0x80 && Character.digit(c, 16) >= 0)) {
        return Integer.MIN_VALUE;
      } else {
        count++;
      }
    }
    return count;
  }
}
