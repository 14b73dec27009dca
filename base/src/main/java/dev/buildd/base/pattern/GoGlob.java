package dev.buildd.base.pattern;

/**
 * A shell pattern with the meaning of Go's {@code filepath.Match} on Unix: {@code *} and {@code ?}
 * do not cross a separator, {@code [^a-z]} is a class, {@code \} escapes. Immutable.
 */
public final class GoGlob {
  private final Glob glob;
  private final String text;

  private GoGlob(String text) {
    this.text = text;
    this.glob = Glob.compile(text, false);
  }

  /** Compiles the pattern; {@code INVALID_ARGUMENT} where its syntax is wrong. */
  public static GoGlob compile(String pattern) {
    return new GoGlob(pattern);
  }

  /** Whether the pattern matches the whole name. */
  public static boolean match(String pattern, String name) {
    return compile(pattern).matches(name);
  }

  /** Whether the text has an unescaped {@code *}, {@code ?} or {@code [}. */
  public static boolean hasWildcards(String text) {
    for (int i = 0; i < text.length(); i++) {
      switch (text.charAt(i)) {
        case '\\' -> i++;
        case '*', '?', '[' -> {
          return true;
        }
        default -> {}
      }
    }
    return false;
  }

  public boolean matches(String name) {
    return glob.matches(name);
  }

  @Override
  public String toString() {
    return text;
  }
}
