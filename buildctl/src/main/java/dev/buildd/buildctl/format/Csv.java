package dev.buildd.buildctl.format;

import dev.buildd.base.error.BuildException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The values of flags: {@code type=local,dest=out}, quoted where a value has a comma. */
public final class Csv {
  private Csv() {}

  public static List<String> fields(String line) {
    List<String> fields = new ArrayList<>();
    StringBuilder field = new StringBuilder();
    int i = 0;
    while (true) {
      if (i < line.length() && line.charAt(i) == '"') {
        i++;
        while (true) {
          int quote = line.indexOf('"', i);
          if (quote < 0) {
            throw BuildException.invalid("extraneous or missing \" in quoted-field");
          }
          field.append(line, i, quote);
          i = quote + 1;
          if (i < line.length() && line.charAt(i) == '"') {
            field.append('"');
            i++;
          } else {
            break;
          }
        }
        if (i < line.length() && line.charAt(i) != ',') {
          throw BuildException.invalid("extraneous or missing \" in quoted-field");
        }
      } else {
        int comma = line.indexOf(',', i);
        int end = comma < 0 ? line.length() : comma;
        field.append(line, i, end);
        i = end;
      }
      fields.add(field.toString());
      field.setLength(0);
      if (i >= line.length()) {
        return fields;
      }
      i++;
    }
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
