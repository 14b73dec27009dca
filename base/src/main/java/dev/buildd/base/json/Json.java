package dev.buildd.base.json;

import dev.buildd.base.error.BuildException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.json.JsonFactory;

/**
 * JSON as plain values: {@code Map} in order, {@code List}, {@code String}, {@code Long}, {@code
 * BigInteger}, {@code Double}, {@code Boolean}. A member that is null counts as absent when read,
 * and is written as null.
 *
 * <p>The accessors take what other programs wrote: a member of another type than asked for is
 * {@code INVALID_ARGUMENT}, an absent one is the type's empty value.
 */
public final class Json {
  private static final JsonFactory FACTORY = new JsonFactory();

  private Json() {}

  /**
   * Reads one object.
   *
   * @param what names the text in errors
   * @throws BuildException {@code INVALID_ARGUMENT} if the bytes are anything else
   */
  public static Map<String, Object> parseObject(byte[] text, String what) {
    try (JsonParser in = FACTORY.createParser(tools.jackson.core.ObjectReadContext.empty(), text)) {
      if (in.nextToken() != JsonToken.START_OBJECT) {
        throw BuildException.invalid(what + ": not a JSON object");
      }
      Map<String, Object> out = object(in, what);
      if (in.nextToken() != null) {
        throw BuildException.invalid(what + ": text after the JSON object");
      }
      return out;
    } catch (JacksonException e) {
      throw new BuildException(
          dev.buildd.base.error.Category.INVALID_ARGUMENT,
          what + ": invalid JSON: " + e.getOriginalMessage(),
          e);
    }
  }

  private static Map<String, Object> object(JsonParser in, String what) {
    Map<String, Object> out = new LinkedHashMap<>();
    while (in.nextToken() != JsonToken.END_OBJECT) {
      String name = in.currentName();
      JsonToken token = in.nextToken();
      if (token == JsonToken.VALUE_NULL) {
        out.remove(name);
      } else {
        out.put(name, value(in, token, what));
      }
    }
    return out;
  }

  private static Object value(JsonParser in, JsonToken token, String what) {
    return switch (token) {
      case START_OBJECT -> object(in, what);
      case START_ARRAY -> {
        List<Object> out = new ArrayList<>();
        for (JsonToken next = in.nextToken(); next != JsonToken.END_ARRAY; next = in.nextToken()) {
          out.add(value(in, next, what));
        }
        yield out;
      }
      case VALUE_STRING -> in.getString();
      case VALUE_NUMBER_INT ->
          switch (in.getNumberType()) {
            case INT, LONG -> in.getLongValue();
            default -> in.getBigIntegerValue();
          };
      case VALUE_NUMBER_FLOAT -> in.getDoubleValue();
      case VALUE_TRUE -> true;
      case VALUE_FALSE -> false;
      case null, default -> throw BuildException.invalid(what + ": unexpected JSON value " + token);
    };
  }

  /** The text of a value made of the types above, escaped as Go does, with nothing spaced. */
  public static byte[] bytes(Object value) {
    return write(new StringBuilder(), value).toString().getBytes(StandardCharsets.UTF_8);
  }

  /** The same with each member and element on a line of its own, indented by two spaces. */
  public static byte[] indented(Object value) {
    return indent(new StringBuilder(), value, "\n").toString().getBytes(StandardCharsets.UTF_8);
  }

  private static StringBuilder indent(StringBuilder out, @Nullable Object value, String line) {
    String deeper = line + "  ";
    String separator = "";
    switch (value) {
      case Map<?, ?> map when !map.isEmpty() -> {
        out.append('{');
        for (Map.Entry<?, ?> entry : map.entrySet()) {
          GoJson.quote(out.append(separator).append(deeper), entry.getKey().toString())
              .append(": ");
          indent(out, entry.getValue(), deeper);
          separator = ",";
        }
        out.append(line).append('}');
      }
      case List<?> list when !list.isEmpty() -> {
        out.append('[');
        for (Object element : list) {
          indent(out.append(separator).append(deeper), element, deeper);
          separator = ",";
        }
        out.append(line).append(']');
      }
      case null, default -> write(out, value);
    }
    return out;
  }

  private static StringBuilder write(StringBuilder out, @Nullable Object value) {
    switch (value) {
      case null -> out.append("null");
      case Map<?, ?> map -> {
        String separator = "{";
        for (Map.Entry<?, ?> entry : map.entrySet()) {
          out.append(separator);
          GoJson.quote(out, entry.getKey().toString()).append(':');
          write(out, entry.getValue());
          separator = ",";
        }
        out.append(map.isEmpty() ? "{}" : "}");
      }
      case List<?> list -> {
        String separator = "[";
        for (Object element : list) {
          write(out.append(separator), element);
          separator = ",";
        }
        out.append(list.isEmpty() ? "[]" : "]");
      }
      case String text -> GoJson.quote(out, text);
      case Number number -> out.append(number);
      case Boolean bool -> out.append(bool);
      default -> throw new IllegalArgumentException("not a JSON value: " + value.getClass());
    }
    return out;
  }

  public static String text(Map<String, Object> object, String name) {
    return switch (object.get(name)) {
      case null -> "";
      case String text -> text;
      case Object other -> throw wrong(name, "a string", other);
    };
  }

  /** A whole number, zero if absent. */
  public static long number(Map<String, Object> object, String name) {
    return switch (object.get(name)) {
      case null -> 0;
      case Long number -> number;
      case BigInteger number -> throw wrong(name, "a 64-bit number", number);
      case Object other -> throw wrong(name, "a whole number", other);
    };
  }

  @SuppressWarnings("unchecked") // parse makes no other maps
  public static Map<String, Object> object(Map<String, Object> object, String name) {
    return switch (object.get(name)) {
      case null -> Map.of();
      case Map<?, ?> map -> (Map<String, Object>) map;
      case Object other -> throw wrong(name, "an object", other);
    };
  }

  @SuppressWarnings("unchecked") // parse makes no other maps
  public static List<Map<String, Object>> objects(Map<String, Object> object, String name) {
    List<Object> all = list(object, name);
    List<Map<String, Object>> out = new ArrayList<>(all.size());
    for (Object element : all) {
      if (!(element instanceof Map<?, ?> map)) {
        throw wrong(name, "a list of objects", element);
      }
      out.add((Map<String, Object>) map);
    }
    return out;
  }

  public static List<String> texts(Map<String, Object> object, String name) {
    List<Object> all = list(object, name);
    List<String> out = new ArrayList<>(all.size());
    for (Object element : all) {
      if (!(element instanceof String text)) {
        throw wrong(name, "a list of strings", element);
      }
      out.add(text);
    }
    return out;
  }

  /** A map of strings, empty if absent. */
  public static Map<String, String> textMap(Map<String, Object> object, String name) {
    Map<String, Object> members = object(object, name);
    Map<String, String> out = new LinkedHashMap<>();
    members.keySet().forEach(key -> out.put(key, text(members, key)));
    return out;
  }

  @SuppressWarnings("unchecked") // parse makes no other lists
  private static List<Object> list(Map<String, Object> object, String name) {
    return switch (object.get(name)) {
      case null -> Collections.emptyList();
      case List<?> list -> (List<Object>) list;
      case Object other -> throw wrong(name, "a list", other);
    };
  }

  private static BuildException wrong(String name, String wanted, Object got) {
    String text = got.toString();
    return BuildException.invalid(
        "JSON member "
            + GoJson.quote(name)
            + " is not "
            + wanted
            + ": "
            + (text.length() > 80 ? text.substring(0, 80) + "..." : text));
  }
}
