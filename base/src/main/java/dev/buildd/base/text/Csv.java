package dev.buildd.base.text;

import dev.buildd.base.error.BuildException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Lists in one line, as flags and options have them: quoted where a value has a comma. */
public final class Csv {
  private Csv() {}

  /**
   * Reads as Go's {@code encoding/csv} does.
   *
   * @throws BuildException {@code INVALID_ARGUMENT}, in Go's words, if quotes are where none may be
   */
  public static List<String> fields(String line) {
    List<String> fields = new ArrayList<>();
    int at = 0;
    while (true) {
      if (line.startsWith("\"", at)) {
        StringBuilder field = new StringBuilder();
        at = quoted(line, at + 1, field);
        fields.add(field.toString());
      } else {
        int comma = line.indexOf(',', at);
        int end = comma < 0 ? line.length() : comma;
        int quote = line.indexOf('"', at);
        if (quote >= 0 && quote < end) {
          throw misplaced(line, quote, "bare \" in non-quoted field");
        }
        fields.add(line.substring(at, end));
        at = end;
      }
      if (at >= line.length()) {
        return fields;
      }
      at++;
    }
  }

  /** Reads up to the closing quote; where what follows it is. */
  private static int quoted(String line, int from, StringBuilder field) {
    int at = from;
    while (true) {
      int quote = line.indexOf('"', at);
      if (quote < 0) {
        throw misplaced(line, at, "extraneous or missing \" in quoted-field");
      }
      field.append(line, at, quote);
      at = quote + 1;
      if (!line.startsWith("\"", at)) {
        if (at < line.length() && line.charAt(at) != ',') {
          throw misplaced(line, quote, "extraneous or missing \" in quoted-field");
        }
        return at;
      }
      field.append('"');
      at++;
    }
  }

  private static BuildException misplaced(String line, int at, String what) {
    int column = line.substring(0, at).getBytes(StandardCharsets.UTF_8).length + 1;
    return BuildException.invalid("parse error on line 1, column " + column + ": " + what);
  }

  /** The fields as a map; keys in lower case. */
  public static Map<String, String> attributes(String line) {
    Map<String, String> out = new LinkedHashMap<>();
    for (String field : fields(line)) {
      int equals = field.indexOf('=');
      if (equals < 0) {
        throw BuildException.invalid("invalid value " + field);
      }
      out.put(field.substring(0, equals).toLowerCase(Locale.ROOT), field.substring(equals + 1));
    }
    return out;
  }

  /** {@code key=value} texts as a map. */
  public static Map<String, String> pairs(List<String> texts) {
    Map<String, String> out = new LinkedHashMap<>();
    for (String text : texts) {
      int equals = text.indexOf('=');
      if (equals < 0) {
        throw BuildException.invalid("invalid value " + text);
      }
      out.put(text.substring(0, equals), text.substring(equals + 1));
    }
    return out;
  }
}
