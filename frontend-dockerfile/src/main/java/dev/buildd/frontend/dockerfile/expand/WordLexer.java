package dev.buildd.frontend.dockerfile.expand;

import dev.buildd.frontend.dockerfile.source.DockerfileException;

/**
 * Reads quotes, escapes and variables (dockerfile.md section 2.1). Immutable.
 *
 * @param escape the escape character: a backslash, or what the directive says
 */
public record WordLexer(int escape, Style style) {
  /**
   * What is left as it is.
   *
   * @param rawQuotes quotes group, and stay
   * @param rawEscapes escapes have effect, and stay
   * @param plainQuotes quotes are letters like others
   * @param keepUnset variables that are not set stay as they are written
   */
  public record Style(
      boolean rawQuotes, boolean rawEscapes, boolean plainQuotes, boolean keepUnset) {
    /** Arguments of instructions. */
    public static final Style WORD = new Style(false, false, false, false);

    /** Bodies of documents. */
    public static final Style DOCUMENT = new Style(false, false, true, false);

    /** Names of RUN steps. */
    public static final Style STEP_NAME = new Style(true, false, false, true);

    /** The line in which documents are looked for. */
    public static final Style LINE = new Style(true, true, false, true);
  }

  public static WordLexer of(int escape) {
    return new WordLexer(escape, Style.WORD);
  }

  /** As all documents are read, whatever the escape character of the file. */
  public static WordLexer ofDocuments() {
    return new WordLexer('\\', Style.DOCUMENT);
  }

  public WordLexer with(Style other) {
    return new WordLexer(escape, other);
  }

  /**
   * @throws DockerfileException without a place if the text cannot be read, or a variable must be
   *     set and is not
   */
  public Expansion expand(String text, Environment environment) {
    return new Scan(this, text, environment).run();
  }
}
