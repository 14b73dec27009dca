package dev.buildd.frontend.dockerfile.lex;

import dev.buildd.frontend.dockerfile.expand.Environment;
import dev.buildd.frontend.dockerfile.expand.WordLexer;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Finds the words that announce documents (dockerfile.md section 1.6). */
public final class HeredocWords {
  private static final WordLexer LINE = new WordLexer('\\', WordLexer.Style.LINE);
  private static final WordLexer NAME =
      new WordLexer('\\', new WordLexer.Style(false, false, false, true));
  private static final WordLexer QUOTED_NAME =
      new WordLexer('\\', new WordLexer.Style(true, false, false, true));

  private HeredocWords() {}

  /** Those of a line, in order, without bodies; none if the line cannot be split. */
  static List<Heredoc> of(String line) {
    List<Heredoc> documents = new ArrayList<>();
    for (String word : wordsOf(line)) {
      ofWord(word).ifPresent(documents::add);
    }
    return documents;
  }

  private static List<String> wordsOf(String line) {
    try {
      return LINE.expand(line, Environment.EMPTY).words();
    } catch (DockerfileException e) {
      return List.of(); // a shell may read it all the same
    }
  }

  /** The document that an argument stands for; empty if it is an ordinary one. */
  public static Optional<Heredoc> ofArgument(String word) {
    if (word.indexOf("<<") < 0) {
      return Optional.empty();
    }
    try {
      return ofWord(word);
    } catch (DockerfileException e) {
      return Optional.empty(); // then it is a path
    }
  }

  private static Optional<Heredoc> ofWord(String word) {
    int at = 0;
    while (at < word.length() && word.charAt(at) >= '0' && word.charAt(at) <= '9') {
      at++; // a number for the shell
    }
    if (!word.startsWith("<<", at)) {
      return Optional.empty();
    }
    at += 2;
    boolean chomp = word.startsWith("-", at);
    String name = name(word, chomp ? at + 1 : at);
    return name.isEmpty() || name.indexOf('<') >= 0 ? Optional.empty() : named(name, chomp);
  }

  private static String name(String word, int from) {
    int start = from;
    while (start < word.length() && " \t\n\f\r".indexOf(word.charAt(start)) >= 0) {
      start++;
    }
    return word.substring(start);
  }

  private static Optional<Heredoc> named(String text, boolean chomp) {
    List<String> words = NAME.expand(text, Environment.EMPTY).words();
    if (words.size() != 1) {
      return Optional.empty();
    }
    List<String> quoted = QUOTED_NAME.expand(text, Environment.EMPTY).words();
    if (quoted.size() != 1) {
      throw new DockerfileException(
          "internal lexing of heredoc produced inconsistent results: " + text);
    }
    String name = words.getFirst();
    boolean expand = quotes(name) == quotes(quoted.getFirst());
    return Optional.of(new Heredoc(name, expand, chomp, ""));
  }

  private static long quotes(String text) {
    return text.chars().filter(c -> c == '"' || c == '\'').count();
  }
}
