package dev.buildd.frontend.dockerfile.lex;

import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Texts;
import java.util.ArrayList;
import java.util.List;

/** What the escape character of a file does (dockerfile.md sections 1.3 and 1.4). */
record Escape(char character) {
  static final Escape BACKSLASH = new Escape('\\');

  /** As the directive gives it. */
  static Escape parse(String value) {
    if (!value.equals("`") && !value.equals("\\")) {
      throw new DockerfileException("invalid escape token '" + value + "' does not match ` or \\");
    }
    return new Escape(value.charAt(0));
  }

  /**
   * How much of a line counts if the next one continues it; negative if none does. Two escape
   * characters do not continue, and neither do three.
   */
  int continuedAt(String line) {
    int at = line.length() - 1;
    while (at >= 0 && (line.charAt(at) == ' ' || line.charAt(at) == '\t')) {
      at--;
    }
    boolean escapes = at >= 0 && line.charAt(at) == character;
    return escapes && (at == 0 || line.charAt(at - 1) != character) ? at : -1;
  }

  /** Splits at blanks outside quotes; quotes and escapes stay. */
  List<String> words(String text) {
    return new WordSplit(Texts.withoutRaw(text)).run();
  }

  private final class WordSplit {
    private final String text;
    private final List<String> words = new ArrayList<>();
    private final StringBuilder word = new StringBuilder();
    private boolean started;
    private int at;

    WordSplit(String text) {
      this.text = text;
    }

    List<String> run() {
      while (at < text.length()) {
        char c = text.charAt(at);
        if (Texts.isBlank(c)) {
          at++;
          finish();
        } else if (c == '\'' || c == '"') {
          quoted(c);
        } else {
          letter(c);
        }
      }
      finish();
      return words;
    }

    private void finish() {
      if (started) {
        words.add(word.toString());
        word.setLength(0);
        started = false;
      }
    }

    /** One character, or an escape and what it escapes; an escape at the end is dropped. */
    private void letter(char c) {
      at++;
      if (c != character) {
        append(c);
      } else if (at < text.length()) {
        append(c);
        int escaped = text.codePointAt(at);
        word.appendCodePoint(escaped);
        at += Character.charCount(escaped);
      }
    }

    private void quoted(char quote) {
      at++;
      append(quote);
      while (at < text.length()) {
        char c = text.charAt(at);
        if (c == quote) {
          at++;
          append(c);
          return;
        }
        if (quote == '\'') {
          at++;
          append(c);
        } else {
          letter(c);
        }
      }
    }

    private void append(char c) {
      word.append(c);
      started = true;
    }
  }
}
