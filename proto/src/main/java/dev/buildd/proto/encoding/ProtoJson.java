package dev.buildd.proto.encoding;

import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.MapEntry;
import com.google.protobuf.Message;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeMap;

/**
 * Messages in the JSON that protobuf itself defines, as values of {@link
 * dev.buildd.base.json.Json}: names in camel case, zero values left out, 64-bit numbers as texts,
 * enums by name, bytes in base64. Members are in the order of their declaration, as Go's protojson
 * writes them.
 */
public final class ProtoJson {
  private ProtoJson() {}

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
}
