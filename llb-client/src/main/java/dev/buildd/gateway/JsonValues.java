package dev.buildd.gateway;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.json.JsonFactory;

/** Small JSON texts as maps, lists, texts, numbers, booleans and nulls; without reflection. */
public final class JsonValues {
  private static final JsonFactory FACTORY = new JsonFactory();

  private JsonValues() {}

  /** Parses one value; {@code INVALID_ARGUMENT} where the text is none. */
  public static @Nullable Object parse(String text) {
    try (JsonParser parser = FACTORY.createParser(ObjectReadContext.empty(), text)) {
      parser.nextToken();
      return value(parser);
    } catch (JacksonException e) {
      throw new BuildException(Category.INVALID_ARGUMENT, "not JSON: " + e.getMessage(), e);
    }
  }

  /** The object that the text is; empty if it is something else or no JSON at all. */
  public static Optional<Map<String, @Nullable Object>> object(String text) {
    try {
      return asObject(parse(text));
    } catch (BuildException e) {
      return Optional.empty();
    }
  }

  @SuppressWarnings("unchecked") // only parse makes these maps
  public static Optional<Map<String, @Nullable Object>> asObject(@Nullable Object value) {
    return value instanceof Map<?, ?> map
        ? Optional.of((Map<String, @Nullable Object>) map)
        : Optional.empty();
  }

  public static List<?> asList(@Nullable Object value) {
    return value instanceof List<?> list ? list : List.of();
  }

  public static String asText(@Nullable Object value) {
    return value instanceof String text ? text : "";
  }

  public static int asInt(@Nullable Object value) {
    return value instanceof Number number ? number.intValue() : 0;
  }

  private static @Nullable Object value(JsonParser parser) {
    JsonToken token = parser.currentToken();
    if (token == null) {
      throw BuildException.invalid("not JSON: empty");
    }
    return switch (token) {
      case START_OBJECT -> {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
          String name = parser.currentName();
          parser.nextToken();
          out.put(name, value(parser));
        }
        yield out;
      }
      case START_ARRAY -> {
        List<@Nullable Object> out = new ArrayList<>();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          out.add(value(parser));
        }
        yield out;
      }
      case VALUE_STRING -> parser.getString();
      case VALUE_NUMBER_INT -> parser.getLongValue();
      case VALUE_NUMBER_FLOAT -> parser.getDoubleValue();
      case VALUE_TRUE -> true;
      case VALUE_FALSE -> false;
      default -> null;
    };
  }
}
