package dev.buildd.buildctl.format;

import com.google.protobuf.ByteString;
import com.google.protobuf.Message;
import dev.buildd.base.json.GoJson;
import dev.buildd.proto.encoding.GoProtoJson;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoField;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** A value with named fields that prints, in JSON and in templates, as a Go struct does. */
public final class GoStruct {
  private static final DateTimeFormatter SECONDS =
      DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss", Locale.ROOT).withZone(ZoneOffset.UTC);
  private static final DateTimeFormatter PLAIN =
      DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss", Locale.ROOT).withZone(ZoneOffset.UTC);

  private record Field(String name, String json, boolean omitEmpty, @Nullable Object value) {}

  private final List<Field> fields = new ArrayList<>();

  /**
   * Adds a field.
   *
   * @param name as templates know it
   * @param json as JSON knows it
   */
  public GoStruct with(String name, String json, @Nullable Object value) {
    fields.add(new Field(name, json, false, unwrap(value)));
    return this;
  }

  /** A field that JSON leaves out when it is zero. */
  public GoStruct withOptional(String name, String json, @Nullable Object value) {
    fields.add(new Field(name, json, true, unwrap(value)));
    return this;
  }

  private static @Nullable Object unwrap(@Nullable Object value) {
    return value instanceof Optional<?> optional ? optional.orElse(null) : value;
  }

  boolean has(String name) {
    return fields.stream().anyMatch(field -> field.name.equals(name));
  }

  @Nullable Object get(String name) {
    for (Field field : fields) {
      if (field.name.equals(name)) {
        return field.value;
      }
    }
    return null;
  }

  /** JSON as Go's encoder writes it; {@code html} whether it escapes for HTML. */
  public static String json(@Nullable Object value, boolean html) {
    StringBuilder out = new StringBuilder();
    write(out, value);
    String text = out.toString();
    return html
        ? text
        : text.replace("\\u003c", "<").replace("\\u003e", ">").replace("\\u0026", "&");
  }

  private static void write(StringBuilder out, @Nullable Object value) {
    switch (value) {
      case null -> out.append("null");
      case GoStruct struct -> {
        out.append('{');
        boolean first = true;
        for (Field field : struct.fields) {
          if (field.omitEmpty && isZero(field.value)) {
            continue;
          }
          out.append(first ? "" : ",");
          first = false;
          GoJson.quote(out, field.json).append(':');
          write(out, field.value);
        }
        out.append('}');
      }
      case Map<?, ?> map -> {
        out.append('{');
        boolean first = true;
        TreeMap<String, @Nullable Object> sorted = new TreeMap<>();
        map.forEach((k, v) -> sorted.put(String.valueOf(k), v));
        for (Map.Entry<String, @Nullable Object> entry : sorted.entrySet()) {
          out.append(first ? "" : ",");
          first = false;
          GoJson.quote(out, entry.getKey()).append(':');
          write(out, entry.getValue());
        }
        out.append('}');
      }
      case List<?> list -> {
        out.append('[');
        boolean first = true;
        for (Object element : list) {
          out.append(first ? "" : ",");
          first = false;
          write(out, element);
        }
        out.append(']');
      }
      case String text -> GoJson.quote(out, text);
      case Instant at -> out.append('"').append(rfc3339(at)).append('"');
      case ByteString bytes ->
          out.append('"')
              .append(Base64.getEncoder().encodeToString(bytes.toByteArray()))
              .append('"');
      case Message message -> out.append(GoProtoJson.toJson(message));
      default -> out.append(value);
    }
  }

  static boolean isZero(@Nullable Object value) {
    return switch (value) {
      case null -> true;
      case Boolean b -> !b;
      case Double d -> d == 0;
      case Number n -> n.longValue() == 0;
      case String s -> s.isEmpty();
      case List<?> l -> l.isEmpty();
      case Map<?, ?> m -> m.isEmpty();
      case ByteString b -> b.isEmpty();
      default -> false;
    };
  }

  /** A time with as many decimals as it has. */
  public static String rfc3339(Instant at) {
    return SECONDS.format(at) + fraction(at) + "Z";
  }

  /** A time as Go prints it by default. */
  public static String plain(Instant at) {
    return PLAIN.format(at) + fraction(at) + " +0000 UTC";
  }

  private static String fraction(Instant at) {
    int nanos = at.get(ChronoField.NANO_OF_SECOND);
    return nanos == 0 ? "" : "." + String.format(Locale.ROOT, "%09d", nanos).replaceAll("0+$", "");
  }

  /** As Go prints a value in a template. */
  static String print(@Nullable Object value) {
    return switch (value) {
      case null -> "<nil>";
      case Instant at -> plain(at);
      case List<?> list -> {
        StringBuilder out = new StringBuilder("[");
        list.forEach(e -> out.append(out.length() > 1 ? " " : "").append(print(e)));
        yield out.append(']').toString();
      }
      case Map<?, ?> map -> {
        StringBuilder out = new StringBuilder("map[");
        TreeMap<String, String> sorted = new TreeMap<>();
        map.forEach((k, v) -> sorted.put(String.valueOf(k), print(v)));
        sorted.forEach(
            (k, v) -> out.append(out.length() > 4 ? " " : "").append(k).append(':').append(v));
        yield out.append(']').toString();
      }
      case GoStruct struct -> {
        StringBuilder out = new StringBuilder("{");
        struct.fields.forEach(f -> out.append(out.length() > 1 ? " " : "").append(print(f.value)));
        yield out.append('}').toString();
      }
      default -> value.toString();
    };
  }
}
