package dev.buildd.solver.ops;

import dev.buildd.base.error.BuildException;

/** File modes as {@code chmod(1)} takes them: octal or symbolic, such as {@code u+x,go=rX}. */
final class FileModeText {
  private FileModeText() {}

  /** The twelve permission bits after the text was applied to a file that had {@code mode}. */
  static int apply(String text, int mode, boolean directory) {
    if (!text.isEmpty() && text.chars().allMatch(c -> c >= '0' && c <= '7') && text.length() <= 5) {
      return Integer.parseInt(text, 8) & 07777;
    }
    int bits = mode & 07777;
    for (String clause : text.split(",", -1)) {
      bits = clause(text, clause, bits, directory);
    }
    return bits;
  }

  private static int clause(String text, String clause, int bits, boolean directory) {
    int at = 0;
    int who = 0;
    for (; at < clause.length() && "ugoa".indexOf(clause.charAt(at)) >= 0; at++) {
      who |=
          switch (clause.charAt(at)) {
            case 'u' -> 04700;
            case 'g' -> 02070;
            case 'o' -> 01007;
            default -> 07777;
          };
    }
    if (who == 0) {
      who = 07777;
    }
    if (at == clause.length()) {
      throw invalid(text);
    }
    while (at < clause.length()) {
      char op = clause.charAt(at++);
      if ("+-=".indexOf(op) < 0) {
        throw invalid(text);
      }
      int what = 0;
      for (; at < clause.length() && "+-=".indexOf(clause.charAt(at)) < 0; at++) {
        what |= permission(text, clause.charAt(at), bits, directory);
      }
      what &= who;
      bits =
          switch (op) {
            case '+' -> bits | what;
            case '-' -> bits & ~what;
            default -> (bits & ~(who & (directory ? 01777 : 07777))) | what;
          };
    }
    return bits;
  }

  private static int permission(String text, char c, int bits, boolean directory) {
    return switch (c) {
      case 'r' -> 0444;
      case 'w' -> 0222;
      case 'x' -> 0111;
      case 'X' -> directory || (bits & 0111) != 0 ? 0111 : 0;
      case 's' -> 06000;
      case 't' -> 01000;
      case 'u' -> spread(bits >> 6);
      case 'g' -> spread(bits >> 3);
      case 'o' -> spread(bits);
      default -> throw invalid(text);
    };
  }

  private static int spread(int three) {
    int p = three & 7;
    return p << 6 | p << 3 | p;
  }

  private static BuildException invalid(String text) {
    return BuildException.invalid("invalid mode \"" + text + "\"");
  }
}
