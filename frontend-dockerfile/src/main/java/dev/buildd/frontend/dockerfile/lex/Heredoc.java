package dev.buildd.frontend.dockerfile.lex;

/**
 * A document of an instruction (dockerfile.md section 1.6).
 *
 * @param name the line that ends it
 * @param expand whether variables in its body are expanded: the name is not quoted
 * @param chomp whether tabs in front of its lines are dropped where the frontend reads it
 * @param content its lines as they are, with their ends
 */
public record Heredoc(String name, boolean expand, boolean chomp, String content) {
  public Heredoc withContent(String lines) {
    return new Heredoc(name, expand, chomp, lines);
  }

  /** The body without leading tabs, if the name asks for that. */
  public String chomped() {
    return chomp ? withoutLeadingTabs(content) : content;
  }

  private static String withoutLeadingTabs(String text) {
    StringBuilder out = new StringBuilder(text.length());
    boolean lineStart = true;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (lineStart && c == '\t') {
        continue;
      }
      out.append(c);
      lineStart = c == '\n';
    }
    return out.toString();
  }
}
