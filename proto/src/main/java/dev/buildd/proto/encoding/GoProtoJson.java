package dev.buildd.proto.encoding;

import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.OneofDescriptor;
import com.google.protobuf.Message;
import dev.buildd.base.json.GoJson;
import java.util.Base64;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * JSON of a message as Go's {@code encoding/json} prints the generated struct: fields in the order
 * of their declaration under their .proto names, zero values left out, enums as numbers, bytes in
 * base64, a oneof as an object under the capitalised name of the oneof (wire.md sections 10, 14.1).
 */
public final class GoProtoJson {
  private GoProtoJson() {}

  public static String toJson(Message message) {
    StringBuilder out = new StringBuilder();
    write(out, message);
    return out.toString();
  }

  private static void write(StringBuilder out, Message message) {
    out.append('{');
    boolean first = true;
    Set<OneofDescriptor> written = new HashSet<>();
    for (FieldDescriptor field : message.getDescriptorForType().getFields()) {
      OneofDescriptor oneof = field.getRealContainingOneof();
      if (oneof != null) {
        if (!written.add(oneof)) {
          continue;
        }
        FieldDescriptor set = message.getOneofFieldDescriptor(oneof);
        if (set != null) {
          first = comma(out, first);
          GoJson.quote(out, capitalised(oneof.getName())).append(":{");
          GoJson.quote(out, memberName(set)).append(':');
          writeValue(out, set, message.getField(set));
          out.append('}');
        }
        continue;
      }
      if (field.isRepeated() ? message.getRepeatedFieldCount(field) > 0 : message.hasField(field)) {
        first = comma(out, first);
        GoJson.quote(out, field.getName()).append(':');
        writeField(out, field, message.getField(field));
      }
    }
    out.append('}');
  }

  private static boolean comma(StringBuilder out, boolean first) {
    if (!first) {
      out.append(',');
    }
    return false;
  }

  private static String capitalised(String name) {
    return Character.toUpperCase(name.charAt(0)) + name.substring(1);
  }

  private static String memberName(FieldDescriptor field) {
    return field.getName().equals("byID") ? "byId" : field.getName();
  }

  private static void writeField(StringBuilder out, FieldDescriptor field, Object value) {
    if (field.isMapField()) {
      FieldDescriptor key = field.getMessageType().findFieldByNumber(1);
      FieldDescriptor mapped = field.getMessageType().findFieldByNumber(2);
      TreeMap<String, Object> sorted = new TreeMap<>(GoEncoder::compareUtf8);
      for (Object entry : (Collection<?>) value) {
        Message pair = (Message) entry;
        sorted.put(pair.getField(key).toString(), pair.getField(mapped));
      }
      out.append('{');
      boolean first = true;
      for (Map.Entry<String, Object> entry : sorted.entrySet()) {
        first = comma(out, first);
        GoJson.quote(out, entry.getKey()).append(':');
        writeValue(out, mapped, entry.getValue());
      }
      out.append('}');
    } else if (field.isRepeated()) {
      out.append('[');
      boolean first = true;
      for (Object element : (List<?>) value) {
        first = comma(out, first);
        writeValue(out, field, element);
      }
      out.append(']');
    } else {
      writeValue(out, field, value);
    }
  }

  private static void writeValue(StringBuilder out, FieldDescriptor field, Object value) {
    switch (value) {
      case Message message -> write(out, message);
      case String text -> GoJson.quote(out, text);
      case ByteString bytes ->
          out.append('"')
              .append(Base64.getEncoder().encodeToString(bytes.toByteArray()))
              .append('"');
      case EnumValueDescriptor e -> out.append(e.getNumber());
      case Integer n when field.getType() == FieldDescriptor.Type.UINT32 ->
          out.append(Integer.toUnsignedString(n));
      case Long n when field.getType() == FieldDescriptor.Type.UINT64 ->
          out.append(Long.toUnsignedString(n));
      default -> out.append(value);
    }
  }
}
