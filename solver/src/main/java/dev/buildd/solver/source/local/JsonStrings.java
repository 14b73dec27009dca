package dev.buildd.solver.source.local;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.json.JsonFactory;

/** Lists of strings in attributes. */
final class JsonStrings {
  private static final JsonFactory JSON = new JsonFactory();

  private JsonStrings() {}

  /** The strings of a JSON array; {@code null} is an empty one, as in Go. */
  static List<String> parse(String attribute, String text) {
    try (JsonParser in = JSON.createParser(tools.jackson.core.ObjectReadContext.empty(), text)) {
      JsonToken first = in.nextToken();
      List<String> out = new ArrayList<>();
      if (first == JsonToken.VALUE_NULL) {
        return out;
      }
      if (first != JsonToken.START_ARRAY) {
        throw BuildException.invalid(attribute + " is not a list of strings: " + text);
      }
      while (in.nextToken() != JsonToken.END_ARRAY) {
        if (in.currentToken() != JsonToken.VALUE_STRING) {
          throw BuildException.invalid(attribute + " is not a list of strings: " + text);
        }
        out.add(in.getString());
      }
      return out;
    } catch (JacksonException e) {
      throw new BuildException(
          Category.INVALID_ARGUMENT, attribute + " is not JSON: " + e.getOriginalMessage(), e);
    }
  }
}
