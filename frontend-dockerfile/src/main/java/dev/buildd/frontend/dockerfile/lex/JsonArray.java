package dev.buildd.frontend.dockerfile.lex;

import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Texts;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Arguments written as a JSON array of strings (dockerfile.md section 1.5). A text that is no JSON
 * is not wrong: it is a text.
 */
final class JsonArray {
  /** As deep as Go reads. */
  private static final int MAX_DEPTH = 10_000;

  /** The text is no JSON. */
  private static final class NotJson extends RuntimeException {
    private static final long serialVersionUID = 1L;

    NotJson() {
      super(null, null, false, false);
    }
  }

  private final String text;
  private int at;

  private JsonArray(String text) {
    this.text = text;
  }

  /**
   * The strings; empty if the text is no JSON array.
   *
   * @throws DockerfileException without a place if it is one of other values than strings
   */
  static Optional<List<String>> parse(String text) {
    String trimmed = Texts.trimLeft(text);
    if (!trimmed.startsWith("[")) {
      return Optional.empty();
    }
    try {
      return Optional.of(new JsonArray(Texts.withoutRaw(trimmed)).array());
    } catch (NotJson e) {
      return Optional.empty();
    }
  }

  private List<String> array() {
    List<String> strings = new ArrayList<>();
    boolean others = false;
    take('[');
    if (!taken(']')) {
      do {
        skipBlanks();
        if (peek() == '"') {
          strings.add(string());
        } else {
          skipValue();
          others = true;
        }
      } while (taken(','));
      skipBlanks();
      take(']');
    }
    skipBlanks();
    if (at < text.length()) {
      throw new NotJson();
    }
    if (others) {
      throw new DockerfileException(
          "when using JSON array syntax, arrays must be comprised of strings only");
    }
    return strings;
  }

  /** Reads any value, without recursion: the text says how deep it goes. */
  private void skipValue() {
    StringBuilder open = new StringBuilder();
    do {
      skipBlanks();
      char c = peek();
      if (c == '[' || c == '{') {
        at++;
        if (!taken(closing(c))) {
          open.append(c);
          if (open.length() >= MAX_DEPTH) {
            throw new NotJson();
          }
          skipKeyOf(c);
          continue;
        }
      } else {
        skipScalar(c);
      }
      while (!open.isEmpty() && taken(closing(last(open)))) {
        open.setLength(open.length() - 1);
      }
      if (!open.isEmpty()) {
        skipBlanks();
        take(',');
        skipKeyOf(last(open));
      }
    } while (!open.isEmpty());
  }

  private static char last(StringBuilder open) {
    return open.charAt(open.length() - 1);
  }

  private static char closing(char opening) {
    return opening == '[' ? ']' : '}';
  }

  private void skipKeyOf(char opening) {
    if (opening == '{') {
      skipBlanks();
      string();
      skipBlanks();
      take(':');
    }
  }

  private void skipScalar(char c) {
    switch (c) {
      case '"' -> string();
      case 't' -> word("true");
      case 'f' -> word("false");
      case 'n' -> word("null");
      default -> number();
    }
  }

  private void word(String word) {
    if (!text.startsWith(word, at)) {
      throw new NotJson();
    }
    at += word.length();
  }

  private void number() {
    if (at < text.length() && peek() == '-') {
      at++;
    }
    if (at < text.length() && peek() == '0') {
      at++;
    } else {
      digits();
    }
    if (at < text.length() && peek() == '.') {
      at++;
      digits();
    }
    if (at < text.length() && (peek() == 'e' || peek() == 'E')) {
      at++;
      if (peek() == '+' || peek() == '-') {
        at++;
      }
      digits();
    }
  }

  private void digits() {
    int from = at;
    while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
      at++;
    }
    if (at == from) {
      throw new NotJson();
    }
  }

  private String string() {
    take('"');
    StringBuilder out = new StringBuilder();
    while (true) {
      char c = peek();
      at++;
      if (c == '"') {
        return Texts.withoutRaw(out.toString());
      }
      if (c < ' ') {
        throw new NotJson();
      }
      out.append(c == '\\' ? escaped() : c);
    }
  }

  private char escaped() {
    char c = peek();
    at++;
    return switch (c) {
      case '"', '\\', '/' -> c;
      case 'b' -> '\b';
      case 'f' -> '\f';
      case 'n' -> '\n';
      case 'r' -> '\r';
      case 't' -> '\t';
      case 'u' -> unicode();
      default -> throw new NotJson();
    };
  }

  private char unicode() {
    int value = 0;
    for (int i = 0; i < 4; i++) {
      int digit = hex(peek());
      if (digit < 0) {
        throw new NotJson();
      }
      at++;
      value = value << 4 | digit;
    }
    return (char) value;
  }

  private static int hex(char c) {
    return c < 0x80 ? Character.digit(c, 16) : -1;
  }

  private boolean taken(char c) {
    skipBlanks();
    if (at < text.length() && text.charAt(at) == c) {
      at++;
      return true;
    }
    return false;
  }

  private void take(char c) {
    if (peek() != c) {
      throw new NotJson();
    }
    at++;
  }

  private char peek() {
    if (at >= text.length()) {
      throw new NotJson();
    }
    return text.charAt(at);
  }

  private void skipBlanks() {
    while (at < text.length() && isBlank(text.charAt(at))) {
      at++;
    }
  }

  private static boolean isBlank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
  }
}
