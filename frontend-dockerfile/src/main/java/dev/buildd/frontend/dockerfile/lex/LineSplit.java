package dev.buildd.frontend.dockerfile.lex;

import dev.buildd.base.text.GoQuote;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Location;
import dev.buildd.frontend.dockerfile.source.Texts;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Splits a joined line into keyword, flags and arguments (dockerfile.md section 1.4). */
final class LineSplit {
  /** ONBUILD in ONBUILD is a fault later on; a line of nothing else must not end the stack. */
  private static final int MAX_DEPTH = 100;

  private final Escape escape;

  LineSplit(Escape escape) {
    this.escape = escape;
  }

  Line split(String text, List<String> comments, Location location) {
    return split(text, comments, location, 0);
  }

  private Line split(String text, List<String> comments, Location location, int depth) {
    String trimmed = Texts.trim(text);
    int end = 0;
    while (end < trimmed.length() && !Texts.separates(trimmed.charAt(end))) {
      end++;
    }
    String keyword = trimmed.substring(0, end);
    Flags flags = Flags.of(trimmed.substring(skipBlanks(trimmed, end)), escape);
    boolean holdsAnother =
        Line.nameOf(keyword).equals("onbuild") && !flags.rest().isEmpty() && depth < MAX_DEPTH;
    Optional<Line> trigger =
        holdsAnother
            ? Optional.of(split(flags.rest(), List.of(), location, depth + 1))
            : Optional.empty();
    return new Line(
        keyword,
        flags.flags(),
        arguments(keyword, flags.rest()),
        trigger,
        List.of(),
        text,
        comments,
        location);
  }

  private Line.Arguments arguments(String keyword, String text) {
    if (text.isEmpty()) {
      return Line.Arguments.NONE;
    }
    return switch (Line.nameOf(keyword)) {
      case "run", "cmd", "entrypoint", "shell" -> jsonOr(text, List.of(text));
      case "add", "copy", "volume" -> jsonOr(text, atBlanks(text));
      case "from", "expose" -> Line.Arguments.of(atBlanks(text));
      case "maintainer", "stopsignal", "user", "workdir" -> Line.Arguments.of(List.of(text));
      case "env", "label" -> pairs(keyword.toUpperCase(Locale.ROOT), text);
      case "arg" -> Line.Arguments.of(escape.words(text));
      case "healthcheck" -> health(text);
      default -> Line.Arguments.NONE;
    };
  }

  private static Line.Arguments jsonOr(String text, List<String> otherwise) {
    return JsonArray.parse(text)
        .map(strings -> new Line.Arguments(strings, true, false))
        .orElseGet(() -> Line.Arguments.of(otherwise));
  }

  private static List<String> atBlanks(String text) {
    List<String> words = new ArrayList<>();
    int at = 0;
    while (at < text.length()) {
      int end = at;
      while (end < text.length() && !Texts.separates(text.charAt(end))) {
        end++;
      }
      words.add(text.substring(at, end));
      at = skipBlanks(text, end);
    }
    return words;
  }

  private static int skipBlanks(String text, int from) {
    int at = from;
    while (at < text.length() && Texts.separates(text.charAt(at))) {
      at++;
    }
    return at;
  }

  private Line.Arguments pairs(String keyword, String text) {
    List<String> words = escape.words(text);
    if (words.isEmpty()) {
      return Line.Arguments.NONE;
    }
    if (words.getFirst().indexOf('=') < 0) {
      return legacyPair(keyword, text);
    }
    List<String> pairs = new ArrayList<>(2 * words.size());
    for (String word : words) {
      int equals = word.indexOf('=');
      if (equals < 0) {
        throw new DockerfileException(
            "Syntax error - can't find = in "
                + GoQuote.of(word)
                + ". Must be of the form: name=value");
      }
      pairs.add(word.substring(0, equals));
      pairs.add(word.substring(equals + 1));
    }
    return Line.Arguments.of(pairs);
  }

  private static Line.Arguments legacyPair(String keyword, String text) {
    int end = 0;
    while (end < text.length() && !Texts.separates(text.charAt(end))) {
      end++;
    }
    if (end == text.length()) {
      throw new DockerfileException(keyword + " must have two arguments");
    }
    List<String> pair = List.of(text.substring(0, end), text.substring(skipBlanks(text, end)));
    return new Line.Arguments(pair, false, true);
  }

  /** The type of the check, and what follows it as a command. */
  private static Line.Arguments health(String text) {
    int end = 0;
    while (end < text.length() && !Texts.isBlank(text.charAt(end))) {
      end++;
    }
    List<String> words = new ArrayList<>();
    words.add(text.substring(0, end));
    String command = Texts.trimLeft(text.substring(end));
    if (command.isEmpty()) {
      return Line.Arguments.of(words);
    }
    Line.Arguments rest = jsonOr(command, List.of(command));
    words.addAll(rest.words());
    return new Line.Arguments(words, rest.json(), false);
  }
}
