package dev.buildd.base.pattern;

import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Filters as containerd writes them: {@code field==value}, {@code field!=value}, {@code
 * field~=regexp} or a lone {@code field} that must be present; commas mean "and", several filters
 * mean "or". Field paths are joined by dots, and their parts may be quoted: {@code
 * labels."com.example"}.
 *
 * <p>Immutable.
 */
public final class FieldFilter {
  private enum Operator {
    PRESENT,
    EQUAL,
    NOT_EQUAL,
    MATCHES
  }

  private record Selector(List<String> path, Operator operator, String value, Pattern pattern) {}

  private static final Pattern NOTHING = Pattern.compile("");

  /** Gives the values of fields. */
  @FunctionalInterface
  public interface Fields {
    /** The value at the path, empty if there is none. */
    Optional<String> get(List<String> path);
  }

  private final List<List<Selector>> alternatives;

  private FieldFilter(List<List<Selector>> alternatives) {
    this.alternatives = alternatives;
  }

  /**
   * Reads filters; none at all lets everything pass.
   *
   * @throws BuildException {@code INVALID_ARGUMENT} if one is malformed
   */
  public static FieldFilter parse(List<String> filters) {
    List<List<Selector>> out = new ArrayList<>();
    for (String filter : filters) {
      out.add(filter.isEmpty() ? List.of() : new Parser(filter).selectors());
    }
    return new FieldFilter(out);
  }

  public boolean matches(Fields fields) {
    return alternatives.isEmpty()
        || alternatives.stream()
            .anyMatch(all -> all.stream().allMatch(selector -> matches(selector, fields)));
  }

  private static boolean matches(Selector selector, Fields fields) {
    Optional<String> found = fields.get(selector.path);
    return switch (selector.operator) {
      case PRESENT -> found.isPresent();
      case EQUAL -> found.isPresent() && found.get().equals(selector.value);
      case NOT_EQUAL -> !found.orElse("").equals(selector.value);
      case MATCHES -> found.isPresent() && selector.pattern.matcher(found.get()).find();
    };
  }

  private static final class Parser {
    private final String text;
    private int at;

    Parser(String text) {
      this.text = text;
    }

    List<Selector> selectors() {
      List<Selector> out = new ArrayList<>();
      out.add(selector());
      while (at < text.length()) {
        if (text.charAt(at) != ',') {
          throw malformed("expected a comma");
        }
        at++;
        out.add(selector());
      }
      return out;
    }

    private Selector selector() {
      List<String> path = new ArrayList<>();
      path.add(field());
      while (at < text.length() && text.charAt(at) == '.') {
        at++;
        path.add(field());
      }
      if (at >= text.length() || text.charAt(at) == ',') {
        return new Selector(path, Operator.PRESENT, "", NOTHING);
      }
      if (at + 1 >= text.length()) {
        throw malformed("expected an operator");
      }
      Operator operator =
          switch (text.substring(at, at + 2)) {
            case "==" -> Operator.EQUAL;
            case "!=" -> Operator.NOT_EQUAL;
            case "~=" -> Operator.MATCHES;
            default -> throw malformed("unsupported operator " + text.substring(at, at + 2));
          };
      at += 2;
      String value = value();
      if (operator != Operator.MATCHES) {
        return new Selector(path, operator, value, NOTHING);
      }
      try {
        return new Selector(path, operator, value, Pattern.compile(value));
      } catch (PatternSyntaxException e) {
        throw new BuildException(
            Category.INVALID_ARGUMENT, "filter " + text + ": " + e.getMessage(), e);
      }
    }

    private String field() {
      if (at < text.length() && text.charAt(at) == '"') {
        return quoted();
      }
      int from = at;
      while (at < text.length()
          && (Character.isLetterOrDigit(text.charAt(at)) || text.charAt(at) == '_')) {
        at++;
      }
      if (at == from) {
        throw malformed("expected a field");
      }
      return text.substring(from, at);
    }

    private String value() {
      if (at < text.length() && text.charAt(at) == '"') {
        return quoted();
      }
      int from = at;
      while (at < text.length()
          && text.charAt(at) != ','
          && !Character.isWhitespace(text.charAt(at))) {
        at++;
      }
      if (at == from) {
        throw malformed("expected a value");
      }
      return text.substring(from, at);
    }

    private String quoted() {
      StringBuilder out = new StringBuilder();
      for (at++; at < text.length(); at++) {
        char c = text.charAt(at);
        if (c == '"') {
          at++;
          return out.toString();
        }
        if (c == '\\' && at + 1 < text.length()) {
          at++;
          out.append(text.charAt(at));
        } else {
          out.append(c);
        }
      }
      throw malformed("a quote is not closed");
    }

    private BuildException malformed(String why) {
      return BuildException.invalid("parse error in filter \"" + text + "\" at " + at + ": " + why);
    }
  }
}
