package dev.buildd.proto.encoding;

import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import dev.buildd.base.json.GoJson;
import java.util.Base64;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * JSON of a message as protocol buffers define it, which Go's {@code protojson} prints and reads
 * (wire.md section 10: {@code errdefs.Solve}). Without the well-known types, which have forms of
 * their own.
 */
public final class ProtoJson {
  private ProtoJson() {}

  // --- writing ---

  public static String toJson(Message message) {
    StringBuilder out = new StringBuilder();
    write(out, message);
    return out.toString();
  }

  private static void write(StringBuilder out, Message message) {
    out.append('{');
    boolean first = true;
    for (Map.Entry<FieldDescriptor, Object> field : message.getAllFields().entrySet()) {
      if (!first) {
        out.append(',');
      }
      first = false;
      GoJson.quote(out, field.getKey().getJsonName()).append(':');
      writeField(out, field.getKey(), field.getValue());
    }
    out.append('}');
  }

  private static void writeField(StringBuilder out, FieldDescriptor field, Object value) {
    if (field.isMapField()) {
      writeMap(out, field, (Collection<?>) value);
    } else if (field.isRepeated()) {
      out.append('[');
      boolean first = true;
      for (Object element : (List<?>) value) {
        if (!first) {
          out.append(',');
        }
        first = false;
        writeValue(out, field, element);
      }
      out.append(']');
    } else {
      writeValue(out, field, value);
    }
  }

  private static void writeMap(StringBuilder out, FieldDescriptor field, Collection<?> entries) {
    FieldDescriptor key = field.getMessageType().findFieldByNumber(1);
    FieldDescriptor mapped = field.getMessageType().findFieldByNumber(2);
    Map<String, Object> sorted = new TreeMap<>();
    for (Object entry : entries) {
      Message pair = (Message) entry;
      sorted.put(pair.getField(key).toString(), pair.getField(mapped));
    }
    out.append('{');
    boolean first = true;
    for (Map.Entry<String, Object> entry : sorted.entrySet()) {
      if (!first) {
        out.append(',');
      }
      first = false;
      GoJson.quote(out, entry.getKey()).append(':');
      writeValue(out, mapped, entry.getValue());
    }
    out.append('}');
  }

  private static void writeValue(StringBuilder out, FieldDescriptor field, Object value) {
    switch (value) {
      case Message message -> write(out, message);
      case String text -> GoJson.quote(out, text);
      case ByteString bytes ->
          GoJson.quote(out, Base64.getEncoder().encodeToString(bytes.toByteArray()));
      case EnumValueDescriptor e -> {
        if (e.getIndex() < 0) { // one that this program does not know
          out.append(e.getNumber());
        } else {
          GoJson.quote(out, e.getName());
        }
      }
      // beyond what JavaScript's numbers hold
      case Long n ->
          GoJson.quote(out, isUnsigned(field) ? Long.toUnsignedString(n) : Long.toString(n));
      case Integer n ->
          out.append(isUnsigned(field) ? Integer.toUnsignedString(n) : Integer.toString(n));
      default -> out.append(value);
    }
  }

  private static boolean isUnsigned(FieldDescriptor field) {
    return switch (field.getType()) {
      case UINT32, UINT64, FIXED32, FIXED64 -> true;
      default -> false;
    };
  }

  // --- reading ---

  /** Reads what was parsed of JSON; what the message does not have is passed over. */
  public static void merge(Map<String, @Nullable Object> json, Message.Builder into) {
    for (FieldDescriptor field : into.getDescriptorForType().getFields()) {
      Object value = json.containsKey(field.getJsonName()) ? json.get(field.getJsonName()) : null;
      if (value == null) {
        value = json.get(field.getName());
      }
      if (value == null) {
        continue;
      }
      if (field.isMapField()) {
        if (value instanceof Map<?, ?> map) {
          map.forEach(
              (key, mapped) -> into.addRepeatedField(field, pair(field, into, key, mapped)));
        }
      } else if (field.isRepeated()) {
        if (value instanceof List<?> list) {
          for (Object element : list) {
            Object read = read(field, element, into);
            if (read != null) {
              into.addRepeatedField(field, read);
            }
          }
        }
      } else {
        Object read = read(field, value, into);
        if (read != null) {
          into.setField(field, read);
        }
      }
    }
  }

  private static Message pair(
      FieldDescriptor field, Message.Builder into, Object key, @Nullable Object value) {
    Message.Builder out = into.newBuilderForField(field);
    FieldDescriptor mapped = field.getMessageType().findFieldByNumber(2);
    out.setField(field.getMessageType().findFieldByNumber(1), String.valueOf(key));
    Object read = read(mapped, value, out);
    if (read != null) {
      out.setField(mapped, read);
    }
    return out.build();
  }

  /** Null for what is not of the field's type. */
  private static @Nullable Object read(
      FieldDescriptor field, @Nullable Object value, Message.Builder owner) {
    if (value == null) {
      return null;
    }
    try {
      return switch (field.getJavaType()) {
        case STRING -> value instanceof String ? value : null;
        case BOOLEAN -> value instanceof Boolean ? value : null;
        case BYTE_STRING -> ByteString.copyFrom(Base64.getDecoder().decode(value.toString()));
        case INT ->
            value instanceof Number n ? n.intValue() : (int) Long.parseLong(value.toString());
        case LONG ->
            value instanceof Number n
                ? n.longValue()
                : isUnsigned(field)
                    ? Long.parseUnsignedLong(value.toString())
                    : Long.parseLong(value.toString());
        case DOUBLE -> Double.valueOf(value.toString());
        case FLOAT -> Float.valueOf(value.toString());
        case ENUM ->
            value instanceof Number n
                ? field.getEnumType().findValueByNumberCreatingIfUnknown(n.intValue())
                : field.getEnumType().findValueByName(value.toString());
        case MESSAGE -> message(field, value, owner);
      };
    } catch (IllegalArgumentException e) {
      return null;
    }
  }

  @SuppressWarnings("unchecked") // JSON's objects have names for keys
  private static @Nullable Message message(
      FieldDescriptor field, Object value, Message.Builder owner) {
    if (!(value instanceof Map<?, ?> map)) {
      return null;
    }
    Message.Builder out = owner.newBuilderForField(field);
    merge((Map<String, @Nullable Object>) map, out);
    return out.build();
  }
}
