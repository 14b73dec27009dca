package dev.buildd.frontend.dockerfile.expand;

import dev.buildd.base.text.GoQuote;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Texts;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** One reading of one text (dockerfile.md section 2.1). */
final class Scan {
  private static final int END = -1;
  private static final int MARK = 0xFEFF;

  /** Deeper than anybody writes; a text must not end the stack. */
  private static final int MAX_DEPTH = 200;

  /**
   * By how many characters values may make a text longer: longer ones are of no use to any step.
   */
  private static final int MAX_GROWTH = 1 << 20;

  private final WordLexer.Style style;
  private final int escape;
  private final String text;
  private final Environment environment;
  private final Set<String> used = new LinkedHashSet<>();
  private final Set<String> unset = new LinkedHashSet<>();
  private final List<String> words = new ArrayList<>();
  private final StringBuilder word = new StringBuilder();
  private boolean rawEscapes;
  private int depth;
  private int growth;
  private int at;

  Scan(WordLexer lexer, String text, Environment environment) {
    this.style = lexer.style();
    this.escape = lexer.escape();
    this.text = Texts.withoutRaw(text);
    this.environment = environment;
    this.rawEscapes = style.rawEscapes();
    this.at = peek() == MARK ? 1 : 0; // as BuildKit's scanner skips it
  }

  /** Names looked up so far that are not set; they count even if the reading fails. */
  Set<String> unset() {
    return unset;
  }

  Expansion run() {
    try {
      String whole = upTo(END);
      finishWord();
      return new Expansion(whole, words, used, unset);
    } catch (DockerfileException e) {
      throw e.prefixed("failed to process " + GoQuote.of(text) + ": ");
    }
  }

  private int peek() {
    return at < text.length() ? text.codePointAt(at) : END;
  }

  private int next() {
    int c = peek();
    at += c == END ? 0 : Character.charCount(c);
    return c;
  }

  /** Reads outside quotes, up to and with the character, or to the end. */
  private String upTo(int stop) {
    StringBuilder out = new StringBuilder();
    boolean outermost = depth == 0;
    for (int c = peek(); c != END; c = peek()) {
      if (c == stop) {
        next();
        return out.toString();
      }
      if (c == '$') {
        String value = dollar();
        out.append(value);
        addValue(value, outermost);
      } else if (c == '<') {
        addQuoted(out, redirection(), outermost);
      } else if (c == '\'' && !style.plainQuotes()) {
        addQuoted(out, singleQuoted(), outermost);
      } else if (c == '"' && !style.plainQuotes()) {
        addQuoted(out, doubleQuoted(), outermost);
      } else {
        plain(out, outermost);
      }
    }
    if (stop != END) {
      throw new DockerfileException(
          "unexpected end of statement while looking for matching " + Character.toString(stop));
    }
    return out.toString();
  }

  /** Reads inside braces; there escapes may stay where they would go outside, and the reverse. */
  private String nested(int stop, boolean keepEscapes) {
    if (depth >= MAX_DEPTH) {
      throw new DockerfileException("substitutions are nested too deeply");
    }
    // BuildKit has one buffer for the words of all depths: a word's beginning is lost when a
    // substitution in it has a word of its own
    word.setLength(0);
    boolean before = rawEscapes;
    rawEscapes = keepEscapes;
    depth++;
    try {
      return upTo(stop);
    } finally {
      depth--;
      rawEscapes = before;
    }
  }

  private void plain(StringBuilder out, boolean outermost) {
    int c = next();
    if (c != escape) {
      out.appendCodePoint(c);
      if (outermost) {
        addToWords(c);
      }
      return;
    }
    if (rawEscapes) {
      addQuoted(out, Character.toString(c), outermost);
    }
    int escaped = next();
    if (escaped != END) {
      addQuoted(out, Character.toString(escaped), outermost);
    }
  }

  private void addQuoted(StringBuilder out, String quoted, boolean outermost) {
    out.append(quoted);
    if (outermost) {
      word.append(quoted);
    }
  }

  private void addValue(String value, boolean outermost) {
    if (outermost) {
      value.codePoints().forEach(this::addToWords);
    }
  }

  private void addToWords(int c) {
    if (Texts.isBlank(c)) {
      finishWord();
    } else {
      word.appendCodePoint(c);
    }
  }

  private void finishWord() {
    if (!word.isEmpty()) {
      words.add(word.toString());
      word.setLength(0);
    }
  }

  /** The blanks after {@code <<} belong to the word, whatever a shell thinks. */
  private String redirection() {
    int from = at;
    next();
    if (peek() == '<') {
      next();
      while (peek() == ' ' || peek() == '\t' || peek() == '\r') {
        next();
      }
    }
    return text.substring(from, at);
  }

  private String singleQuoted() {
    int from = at;
    int end = text.indexOf('\'', from + 1);
    if (end < 0) {
      at = text.length();
      throw new DockerfileException(
          "unexpected end of statement while looking for matching single-quote");
    }
    at = end + 1;
    return style.rawQuotes() ? text.substring(from, at) : text.substring(from + 1, end);
  }

  private String doubleQuoted() {
    StringBuilder out = new StringBuilder();
    quote(out);
    while (true) {
      int c = peek();
      if (c == END) {
        throw new DockerfileException(
            "unexpected end of statement while looking for matching double-quote");
      }
      if (c == '"') {
        quote(out);
        return out.toString();
      }
      if (c == '$') {
        out.append(dollar());
      } else {
        letterInQuotes(out);
      }
    }
  }

  private void quote(StringBuilder out) {
    int c = next();
    if (style.rawQuotes()) {
      out.appendCodePoint(c);
    }
  }

  /** An escape stays unless it escapes something that has a meaning in quotes. */
  private void letterInQuotes(StringBuilder out) {
    int c = next();
    if (c == escape) {
      if (rawEscapes) {
        out.appendCodePoint(c);
      }
      int escaped = peek();
      if (escaped == END) {
        return;
      }
      if (escaped == '"' || escaped == '$' || escaped == escape) {
        c = next();
      }
    }
    out.appendCodePoint(c);
  }

  private String dollar() {
    String value = substitution();
    checkGrowth((long) growth + value.length());
    growth += value.length();
    environment.charge(value.length());
    return value;
  }

  static void checkGrowth(long characters) {
    if (characters > MAX_GROWTH) {
      throw new DockerfileException("values of variables make it longer by more than 1 MiB");
    }
  }

  private String substitution() {
    next();
    if (peek() == '{') {
      next();
      return braced();
    }
    String name = name();
    if (name.isEmpty()) {
      return "$";
    }
    Optional<String> value = value(name);
    return value.orElse(style.keepUnset() ? "$" + name : "");
  }

  private Optional<String> value(String name) {
    Optional<String> value = environment.value(name);
    (value.isPresent() ? used : unset).add(name);
    return value;
  }

  private String name() {
    int from = at;
    int first = peek();
    if (Character.isDigit(first)) {
      while (Character.isDigit(peek())) {
        next();
      }
    } else if (isSpecial(first)) {
      next();
    } else {
      while (Character.isLetterOrDigit(peek()) || peek() == '_') {
        next();
      }
    }
    return text.substring(from, at);
  }

  private static boolean isSpecial(int c) {
    return switch (c) {
      case '@', '*', '#', '?', '-', '$', '!' -> true;
      default -> false;
    };
  }

  private String braced() {
    return switch (peek()) {
      case END -> throw new DockerfileException("syntax error: missing '}'");
      case '{', '}', ':' -> throw new DockerfileException("syntax error: bad substitution");
      default -> operated(name(), next());
    };
  }

  /** What a variable comes to, by the character that follows its name. */
  private String operated(String name, int operator) {
    return switch (operator) {
      case '}' -> value(name).orElse(style.keepUnset() ? "${" + name + "}" : "");
      case ':' -> modified(name, next(), true);
      case '+', '-', '?', '#', '%' -> modified(name, operator, false);
      case '/' -> replaced(name);
      default -> throw unsupported(written(operator));
    };
  }

  private static String written(int operator) {
    return operator == END ? "\uFFFD" : Character.toString(operator);
  }

  private static DockerfileException unsupported(String operator) {
    return new DockerfileException("unsupported modifier (" + operator + ") in substitution");
  }

  /**
   * @param nullIsUnset whether an empty value counts as none: the operator follows a colon
   */
  private String modified(String name, int operator, boolean nullIsUnset) {
    String operatorText = (nullIsUnset ? ":" : "") + written(operator);
    boolean trims = operator == '#' || operator == '%';
    if (nullIsUnset && trims) {
      throw unsupported(operatorText);
    }
    String operand = operand('}', trims, "syntax error: missing '}'");
    Optional<String> value = value(name);
    if (value.isEmpty() && style.keepUnset()) {
      return "${" + name + operatorText + operand + "}";
    }
    boolean has = value.isPresent() && !(nullIsUnset && value.get().isEmpty());
    return switch (operator) {
      case '-' -> has ? value.orElse("") : operand;
      case '+' -> has ? operand : "";
      case '?' -> required(name, value, has, operand);
      case '#' -> trimmed(value.orElse(""), operand, operator, false);
      case '%' -> trimmed(value.orElse(""), operand, operator, true);
      default -> throw unsupported(operatorText);
    };
  }

  private String operand(int stop, boolean keepEscapes, String whenMissing) {
    try {
      return nested(stop, keepEscapes);
    } catch (DockerfileException e) {
      throw peek() == END ? new DockerfileException(whenMissing) : e;
    }
  }

  private static String required(String name, Optional<String> value, boolean has, String message) {
    if (has) {
      return value.orElse("");
    }
    String otherwise =
        value.isPresent() ? "is not allowed to be empty" : "is not allowed to be unset";
    throw new DockerfileException(name + ": " + (message.isEmpty() ? otherwise : message));
  }

  /** The operator written twice is seen only now: a variable may have brought the second. */
  private static String trimmed(String value, String operand, int operator, boolean suffix) {
    boolean longest = !operand.isEmpty() && operand.charAt(0) == operator;
    String pattern = longest ? operand.substring(1) : operand;
    return suffix
        ? ShellPattern.withoutSuffix(value, pattern, longest)
        : ShellPattern.withoutPrefix(value, pattern, longest);
  }

  private String replaced(String name) {
    boolean all = peek() == '/';
    if (all) {
      next();
    }
    String pattern = operand('/', true, "syntax error: missing '/' in ${}");
    String replacement = operand('}', true, "syntax error: missing '}'");
    Optional<String> value = value(name);
    if (value.isEmpty() && style.keepUnset()) {
      return "${" + name + "/" + pattern + "/" + replacement + "}";
    }
    ShellPattern shellPattern = ShellPattern.parse(pattern);
    return all
        ? shellPattern.replaceAll(value.orElse(""), replacement)
        : shellPattern.replaceFirst(value.orElse(""), replacement);
  }
}
