package dev.buildd.proto.encoding;

import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.MapEntry;
import com.google.protobuf.Message;
import dev.buildd.base.json.Json;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Messages in the JSON that protobuf itself defines, as values of {@link
 * dev.buildd.base.json.Json}: names in camel case, zero values left out, 64-bit numbers as texts,
 * enums by name, bytes in base64. Members are in the order of their declaration, as Go's protojson
 * writes them.
 */
public final class ProtoJson {
  private ProtoJson() {}

  /** The text. */
  public static String toJson(Message message) {
    return new String(Json.bytes(of(message)), StandardCharsets.UTF_8);
  }

  public static SequencedMap<String, Object> of(Message message) {
    SequencedMap<String, Object> out = new LinkedHashMap<>();
    for (FieldDescriptor field : message.getDescriptorForType().getFields()) {
      if (field.isRepeated()) {
        if (message.getRepeatedFieldCount(field) > 0) {
          out.put(field.getJsonName(), repeated(field, (Collection<?>) message.getField(field)));
        }
      } else if (message.hasField(field)) {
        out.put(field.getJsonName(), single(field, message.getField(field)));
      }
    }
    return out;
  }

  private static Object repeated(FieldDescriptor field, Collection<?> values) {
    if (!field.isMapField()) {
      List<Object> out = new ArrayList<>();
      values.forEach(value -> out.add(single(field, value)));
      return out;
    }
    FieldDescriptor mapped = field.getMessageType().findFieldByNumber(2);
    Map<String, Object> sorted = new TreeMap<>(GoEncoder::compareUtf8);
    for (Object value : values) {
      MapEntry<?, ?> entry = (MapEntry<?, ?>) value;
      sorted.put(String.valueOf(entry.getKey()), single(mapped, entry.getValue()));
    }
    return sorted;
  }

  private static Object single(FieldDescriptor field, Object value) {
    return switch (field.getJavaType()) {
      case MESSAGE -> of((Message) value);
      case ENUM -> ((EnumValueDescriptor) value).getName();
      case BYTE_STRING -> Base64.getEncoder().encodeToString(((ByteString) value).toByteArray());
      case LONG ->
          isUnsigned(field) ? Long.toUnsignedString((Long) value) : Long.toString((Long) value);
      case INT -> isUnsigned(field) ? (Object) Integer.toUnsignedLong((Integer) value) : value;
      case STRING, BOOLEAN, FLOAT, DOUBLE -> value;
    };
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
