package dev.buildd.frontend.dockerfile.expand;

import java.util.List;
import java.util.function.Consumer;

/**
 * Expands what one instruction holds, with the variables that are set where it stands
 * (dockerfile.md section 2.2). What goes wrong is a {@code DockerfileException} without a place.
 */
public final class Words {
  private final WordLexer lexer;
  private final Environment environment;
  private final Consumer<String> whenUnset;

  /**
   * @param escape the escape character of the file
   * @param whenUnset takes the name of each variable that a word or a document uses and that is not
   *     set, once for each of them
   */
  public Words(int escape, Environment environment, Consumer<String> whenUnset) {
    this.lexer = WordLexer.of(escape);
    this.environment = environment;
    this.whenUnset = whenUnset;
  }

  public Words(int escape, Environment environment) {
    this(escape, environment, name -> {});
  }

  /** One word as one word. */
  public String word(String word) {
    return reported(new Scan(lexer, word, environment));
  }

  /** One word as the words that it comes to. Nobody is told of what is not set. */
  public List<String> words(String word) {
    return lexer.expand(word, environment).words();
  }

  /** The body of a document: quotes are letters like others, and a backslash escapes. */
  public String document(String text) {
    return reported(new Scan(WordLexer.ofDocuments(), text, environment));
  }

  /** What is not set is told of even if the text turns out to be wrong. */
  private String reported(Scan scan) {
    try {
      return scan.run().text();
    } finally {
      scan.unset().forEach(whenUnset);
    }
  }
}
