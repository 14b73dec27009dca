package dev.buildd.frontend.dockerfile.instruction;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.text.Csv;
import dev.buildd.base.text.GoBool;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import java.util.List;
import java.util.Locale;

/** Values of flags that are lists of fields. */
final class FlagFields {
  /**
   * @param text all of it
   * @param key in lower case
   * @param hasValue whether there is an equals sign
   */
  record Field(String text, String key, String value, boolean hasValue) {
    private static Field of(String text) {
      int equals = text.indexOf('=');
      String key = equals < 0 ? text : text.substring(0, equals);
      return new Field(
          text,
          key.toLowerCase(Locale.ROOT),
          equals < 0 ? "" : text.substring(equals + 1),
          equals >= 0);
    }

    DockerfileException mustBePair() {
      return new DockerfileException("invalid field '" + text + "' must be a key=value pair");
    }
  }

  private FlagFields() {}

  /**
   * @param what names the flag in errors
   */
  static List<Field> of(String text, String what) {
    String line = withoutNewline(text);
    if (line.isEmpty()) {
      throw new DockerfileException("failed to parse csv " + what + ": EOF");
    }
    try {
      return Csv.fields(line).stream().map(Field::of).toList();
    } catch (BuildException e) {
      throw new DockerfileException(
          "failed to parse csv " + what + ": " + e.getMessage(), List.of(), e);
    }
  }

  private static String withoutNewline(String text) {
    if (!text.endsWith("\n")) {
      return text;
    }
    return text.substring(0, text.length() - (text.endsWith("\r\n") ? 2 : 1));
  }

  static boolean truth(String key, String value) {
    return GoBool.parse(value)
        .orElseThrow(() -> new DockerfileException("invalid value for " + key + ": " + value));
  }
}
