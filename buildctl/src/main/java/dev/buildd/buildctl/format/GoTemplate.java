package dev.buildd.buildctl.format;

import dev.buildd.base.error.BuildException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A Go template, as far as {@code --format} needs it: fields, pipelines, variables, {@code range},
 * {@code if}, {@code with}, comments, trimming, and the usual functions.
 */
public final class GoTemplate {
  private sealed interface Node {
    record Text(String text) implements Node {}

    record Print(String pipeline) implements Node {}

    record If(String pipeline, List<Node> then, List<Node> otherwise) implements Node {}

    record With(String pipeline, List<Node> then, List<Node> otherwise) implements Node {}

    record Range(String pipeline, List<Node> body, List<Node> otherwise) implements Node {}
  }

  private static final class Scope {
    final Map<String, @Nullable Object> variables = new HashMap<>();
    final StringBuilder out = new StringBuilder();

    Scope(@Nullable Object root) {
      variables.put("$", root);
    }
  }

  private record Piece(boolean action, String text) {}

  private final List<Node> nodes;

  private GoTemplate(List<Node> nodes) {
    this.nodes = nodes;
  }

  /** {@code json} alone stands for {@code {{json .}}}. */
  public static GoTemplate parse(String text) {
    List<Piece> pieces = split(text.equals("json") ? "{{json .}}" : text);
    int[] at = {0};
    List<Node> nodes = block(pieces, at, false);
    if (at[0] < pieces.size()) {
      throw BuildException.invalid("template: unexpected {{" + pieces.get(at[0]).text + "}}");
    }
    return new GoTemplate(nodes);
  }

  private static List<Piece> split(String text) {
    List<Piece> pieces = new ArrayList<>();
    int at = 0;
    boolean trim = false;
    while (true) {
      int open = text.indexOf("{{", at);
      String before = open < 0 ? text.substring(at) : text.substring(at, open);
      if (trim) {
        before = before.stripLeading();
      }
      if (open < 0) {
        pieces.add(new Piece(false, before));
        return pieces;
      }
      int start = open + 2;
      if (text.startsWith("- ", start)) {
        before = before.stripTrailing();
        start += 2;
      }
      pieces.add(new Piece(false, before));
      int close = end(text, start);
      String action = text.substring(start, close);
      trim = action.endsWith(" -");
      pieces.add(
          new Piece(true, (trim ? action.substring(0, action.length() - 2) : action).strip()));
      at = close + 2;
    }
  }

  private static int end(String text, int from) {
    boolean quoted = false;
    for (int i = from; i < text.length() - 1; i++) {
      char c = text.charAt(i);
      if (c == '"' && text.charAt(i - 1) != '\\') {
        quoted = !quoted;
      }
      if (!quoted && text.startsWith("}}", i)) {
        return i;
      }
    }
    throw BuildException.invalid("template: unclosed action");
  }

  private static List<Node> block(List<Piece> pieces, int[] at, boolean nested) {
    List<Node> out = new ArrayList<>();
    while (at[0] < pieces.size()) {
      Piece piece = pieces.get(at[0]);
      if (!piece.action) {
        at[0]++;
        if (!piece.text.isEmpty()) {
          out.add(new Node.Text(piece.text));
        }
        continue;
      }
      String[] words = piece.text.split("\\s+", 2);
      String rest = words.length > 1 ? words[1] : "";
      switch (words[0]) {
        case "end", "else" -> {
          if (!nested) {
            throw BuildException.invalid("template: unexpected {{" + words[0] + "}}");
          }
          return out;
        }
        case "if", "with", "range" -> {
          at[0]++;
          out.add(compound(words[0], rest, pieces, at));
        }
        default -> {
          at[0]++;
          if (!piece.text.startsWith("/*")) {
            out.add(new Node.Print(piece.text));
          }
        }
      }
    }
    if (nested) {
      throw BuildException.invalid("template: unexpected EOF");
    }
    return out;
  }

  private static Node compound(String kind, String pipeline, List<Piece> pieces, int[] at) {
    List<Node> body = block(pieces, at, true);
    List<Node> otherwise = List.of();
    String stop = pieces.get(at[0]).text;
    if (stop.startsWith("else")) {
      at[0]++;
      String more = stop.substring(4).strip();
      if (more.startsWith("if ")) {
        otherwise = List.of(compound("if", more.substring(3), pieces, at));
        return node(kind, pipeline, body, otherwise);
      }
      otherwise = block(pieces, at, true);
    }
    at[0]++;
    return node(kind, pipeline, body, otherwise);
  }

  private static Node node(String kind, String pipeline, List<Node> body, List<Node> otherwise) {
    return switch (kind) {
      case "if" -> new Node.If(pipeline, body, otherwise);
      case "with" -> new Node.With(pipeline, body, otherwise);
      default -> new Node.Range(pipeline, body, otherwise);
    };
  }

  public String execute(@Nullable Object data) {
    Scope scope = new Scope(data);
    run(nodes, data, scope);
    return scope.out.toString();
  }

  private static void run(List<Node> nodes, @Nullable Object dot, Scope scope) {
    for (Node node : nodes) {
      switch (node) {
        case Node.Text(String text) -> scope.out.append(text);
        case Node.Print(String pipeline) -> print(pipeline, dot, scope);
        case Node.If(String pipeline, List<Node> then, List<Node> otherwise) ->
            run(isTrue(evaluate(pipeline, dot, scope)) ? then : otherwise, dot, scope);
        case Node.With(String pipeline, List<Node> then, List<Node> otherwise) -> {
          Object value = evaluate(pipeline, dot, scope);
          if (isTrue(value)) {
            run(then, value, scope);
          } else {
            run(otherwise, dot, scope);
          }
        }
        case Node.Range range -> range(range, dot, scope);
      }
    }
  }

  private static void print(String pipeline, @Nullable Object dot, Scope scope) {
    int assign = assignment(pipeline);
    Object value = evaluate(pipeline, dot, scope);
    if (assign < 0) {
      scope.out.append(GoStruct.print(value));
    }
  }

  private static int assignment(String pipeline) {
    if (!pipeline.startsWith("$")) {
      return -1;
    }
    int declared = pipeline.indexOf(":=");
    if (declared >= 0) {
      return declared + 2;
    }
    int set = pipeline.indexOf(" = ");
    return set >= 0 ? set + 3 : -1;
  }

  private static void range(Node.Range node, @Nullable Object dot, Scope scope) {
    String pipeline = node.pipeline;
    List<String> names = List.of();
    int assign = assignment(pipeline);
    if (assign >= 0) {
      String left = pipeline.substring(0, pipeline.indexOf(pipeline.contains(":=") ? ":=" : " = "));
      names = List.of(left.strip().split("\\s*,\\s*"));
      pipeline = pipeline.substring(assign);
    }
    Map<Object, @Nullable Object> entries = new LinkedHashMap<>();
    switch (evaluate(pipeline, dot, scope)) {
      case null -> {}
      case List<?> list -> {
        for (int i = 0; i < list.size(); i++) {
          entries.put((long) i, list.get(i));
        }
      }
      case Map<?, ?> map -> {
        TreeMap<String, @Nullable Object> sorted = new TreeMap<>();
        map.forEach((k, v) -> sorted.put(String.valueOf(k), v));
        entries.putAll(sorted);
      }
      case Object other ->
          throw BuildException.invalid("template: range can't iterate over " + other);
    }
    if (entries.isEmpty()) {
      run(node.otherwise, dot, scope);
    }
    for (Map.Entry<Object, @Nullable Object> entry : entries.entrySet()) {
      if (names.size() == 1) {
        scope.variables.put(names.getFirst(), entry.getValue());
      } else if (names.size() == 2) {
        scope.variables.put(names.get(0), entry.getKey());
        scope.variables.put(names.get(1), entry.getValue());
      }
      run(node.body, entry.getValue(), scope);
    }
  }

  private static boolean isTrue(@Nullable Object value) {
    return !GoStruct.isZero(value);
  }

  // ---- pipelines

  private static @Nullable Object evaluate(String text, @Nullable Object dot, Scope scope) {
    int assign = assignment(text);
    if (assign >= 0) {
      String name = text.substring(0, text.indexOf(text.contains(":=") ? ":=" : " = ")).strip();
      Object value = pipeline(new Tokens(text.substring(assign)), dot, scope);
      scope.variables.put(name, value);
      return value;
    }
    Tokens tokens = new Tokens(text);
    Object value = pipeline(tokens, dot, scope);
    if (!tokens.atEnd()) {
      throw BuildException.invalid("template: unexpected \"" + tokens.peek() + "\"");
    }
    return value;
  }

  private static @Nullable Object pipeline(Tokens tokens, @Nullable Object dot, Scope scope) {
    Object value = command(tokens, dot, scope, new ArrayList<>());
    while (tokens.peek().equals("|")) {
      tokens.next();
      List<@Nullable Object> last = new ArrayList<>();
      last.add(value);
      value = command(tokens, dot, scope, last);
    }
    return value;
  }

  private static @Nullable Object command(
      Tokens tokens, @Nullable Object dot, Scope scope, List<@Nullable Object> last) {
    String first = tokens.peek();
    if (!first.isEmpty() && Character.isLetter(first.charAt(0)) && !isConstant(first)) {
      tokens.next();
      List<@Nullable Object> arguments = new ArrayList<>();
      while (!tokens.atEnd() && !tokens.peek().equals("|") && !tokens.peek().equals(")")) {
        arguments.add(operand(tokens, dot, scope));
      }
      arguments.addAll(last);
      return call(first, arguments);
    }
    return operand(tokens, dot, scope);
  }

  private static boolean isConstant(String word) {
    return word.equals("true") || word.equals("false") || word.equals("nil");
  }

  private static @Nullable Object operand(Tokens tokens, @Nullable Object dot, Scope scope) {
    String token = tokens.next();
    if (token.equals("(")) {
      Object value = pipeline(tokens, dot, scope);
      if (!tokens.next().equals(")")) {
        throw BuildException.invalid("template: unclosed parenthesis");
      }
      return tokens.peek().startsWith(".") && tokens.isAdjacent()
          ? fields(value, tokens.next())
          : value;
    }
    if (token.startsWith(".")) {
      return fields(dot, token);
    }
    if (token.startsWith("$")) {
      int point = token.indexOf('.');
      String name = point < 0 ? token : token.substring(0, point);
      if (!scope.variables.containsKey(name)) {
        throw BuildException.invalid("template: undefined variable \"" + name + "\"");
      }
      Object value = scope.variables.get(name);
      return point < 0 ? value : fields(value, token.substring(point));
    }
    if (token.startsWith("\"") || token.startsWith("`")) {
      return unquote(token);
    }
    return switch (token) {
      case "true" -> true;
      case "false" -> false;
      case "nil" -> null;
      default -> {
        try {
          yield token.contains(".") ? (Object) Double.valueOf(token) : Long.valueOf(token);
        } catch (NumberFormatException e) {
          throw BuildException.invalid("template: function \"" + token + "\" not defined");
        }
      }
    };
  }

  private static @Nullable Object fields(@Nullable Object from, String path) {
    Object value = from;
    for (String name : path.split("\\.")) {
      if (name.isEmpty()) {
        continue;
      }
      value =
          switch (value) {
            case GoStruct struct when struct.has(name) -> struct.get(name);
            case Map<?, ?> map -> map.get(name);
            case null, default ->
                throw BuildException.invalid("template: can't evaluate field " + name);
          };
    }
    return value;
  }

  private static String unquote(String token) {
    String body = token.substring(1, token.length() - 1);
    return token.startsWith("`")
        ? body
        : body.replace("\\n", "\n")
            .replace("\\t", "\t")
            .replace("\\\"", "\"")
            .replace("\\\\", "\\");
  }

  private static @Nullable Object call(String name, List<@Nullable Object> arguments) {
    return switch (name) {
      case "json" -> GoStruct.json(argument(arguments, 0), false);
      case "len" ->
          switch (argument(arguments, 0)) {
            case List<?> list -> (long) list.size();
            case Map<?, ?> map -> (long) map.size();
            case String text -> (long) text.length();
            case null, default -> throw BuildException.invalid("template: len of no sequence");
          };
      case "index" -> {
        Object value = argument(arguments, 0);
        for (Object key : arguments.subList(1, arguments.size())) {
          value =
              switch (value) {
                case List<?> list -> list.get(((Number) Objects.requireNonNull(key)).intValue());
                case Map<?, ?> map -> map.get(key);
                case null, default -> throw BuildException.invalid("template: can't index this");
              };
        }
        yield value;
      }
      case "not" -> !isTrue(argument(arguments, 0));
      case "and" -> {
        Object value = null;
        for (Object each : arguments) {
          value = each;
          if (!isTrue(each)) {
            break;
          }
        }
        yield value;
      }
      case "or" -> {
        Object value = null;
        for (Object each : arguments) {
          value = each;
          if (isTrue(each)) {
            break;
          }
        }
        yield value;
      }
      case "eq" ->
          arguments.subList(1, arguments.size()).stream()
              .anyMatch(other -> same(argument(arguments, 0), other));
      case "ne" -> !same(argument(arguments, 0), argument(arguments, 1));
      case "lt" -> compare(arguments) < 0;
      case "le" -> compare(arguments) <= 0;
      case "gt" -> compare(arguments) > 0;
      case "ge" -> compare(arguments) >= 0;
      case "print" -> {
        StringBuilder out = new StringBuilder();
        arguments.forEach(each -> out.append(GoStruct.print(each)));
        yield out.toString();
      }
      case "println" -> String.join(" ", arguments.stream().map(GoStruct::print).toList()) + "\n";
      case "printf" -> {
        Object[] rest = new Object[arguments.size() - 1];
        for (int i = 0; i < rest.length; i++) {
          Object value = arguments.get(i + 1);
          rest[i] =
              value instanceof Number || value instanceof Boolean ? value : GoStruct.print(value);
        }
        yield String.format(
            Locale.ROOT,
            GoStruct.print(argument(arguments, 0)).replace("%v", "%s").replace("%q", "\"%s\""),
            rest);
      }
      default -> throw BuildException.invalid("template: function \"" + name + "\" not defined");
    };
  }

  private static @Nullable Object argument(List<@Nullable Object> arguments, int at) {
    if (at >= arguments.size()) {
      throw BuildException.invalid("template: too few arguments");
    }
    return arguments.get(at);
  }

  private static boolean same(@Nullable Object a, @Nullable Object b) {
    if (a instanceof Number x && b instanceof Number y) {
      return x.doubleValue() == y.doubleValue();
    }
    return Objects.equals(a, b);
  }

  private static int compare(List<@Nullable Object> arguments) {
    Object a = argument(arguments, 0);
    Object b = argument(arguments, 1);
    if (a instanceof Number x && b instanceof Number y) {
      return Double.compare(x.doubleValue(), y.doubleValue());
    }
    return String.valueOf(a).compareTo(String.valueOf(b));
  }

  private static final class Tokens {
    private record Token(String text, boolean adjacent) {}

    private final List<Token> tokens = new ArrayList<>();
    private int at;

    Tokens(String text) {
      int i = 0;
      boolean adjacent = false;
      while (i < text.length()) {
        char c = text.charAt(i);
        int start = i;
        if (Character.isWhitespace(c)) {
          i++;
          adjacent = false;
          continue;
        }
        if (c == '|' || c == '(' || c == ')') {
          i++;
        } else if (c == '"' || c == '`') {
          i++;
          while (i < text.length() && text.charAt(i) != c) {
            i += (text.charAt(i) == '\\' && c == '"') ? 2 : 1;
          }
          i = Math.min(i + 1, text.length());
        } else {
          while (i < text.length()
              && !Character.isWhitespace(text.charAt(i))
              && "|()\"`".indexOf(text.charAt(i)) < 0) {
            i++;
          }
        }
        tokens.add(new Token(text.substring(start, i), adjacent));
        adjacent = true;
      }
    }

    boolean atEnd() {
      return at >= tokens.size();
    }

    String peek() {
      return atEnd() ? "" : tokens.get(at).text;
    }

    boolean isAdjacent() {
      return !atEnd() && tokens.get(at).adjacent;
    }

    String next() {
      if (atEnd()) {
        throw BuildException.invalid("template: missing value for command");
      }
      return tokens.get(at++).text;
    }
  }
}
