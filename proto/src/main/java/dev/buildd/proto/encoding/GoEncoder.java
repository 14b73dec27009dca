package dev.buildd.proto.encoding;

import com.google.protobuf.ByteString;
import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import com.google.protobuf.UnsafeByteOperations;
import com.google.protobuf.WireFormat;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Encodes a message as Go clients do, on which the digests of operations rest: all fields outside
 * oneofs by number, then those inside; map entries sorted by key (wire.md section 7.1).
 * protobuf-java orders by number alone.
 */
public final class GoEncoder {
  /** Most messages are small, and each has a buffer of its own. */
  private static final int BUFFER = 256;

  private GoEncoder() {}

  public static ByteString encode(Message message) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    CodedOutputStream out = CodedOutputStream.newInstance(bytes, BUFFER);
    try {
      write(out, message);
      out.flush();
    } catch (IOException e) {
      throw new IllegalStateException("memory does not fail", e);
    }
    return UnsafeByteOperations.unsafeWrap(bytes.toByteArray()); // nobody else has them
  }

  private static void write(CodedOutputStream out, Message message) throws IOException {
    List<Map.Entry<FieldDescriptor, Object>> inOneof = new ArrayList<>();
    for (Map.Entry<FieldDescriptor, Object> field : message.getAllFields().entrySet()) {
      if (field.getKey().getRealContainingOneof() != null) {
        inOneof.add(field);
      } else {
        write(out, field.getKey(), field.getValue());
      }
    }
    for (Map.Entry<FieldDescriptor, Object> field : inOneof) {
      write(out, field.getKey(), field.getValue());
    }
  }

  private static void write(CodedOutputStream out, FieldDescriptor field, Object value)
      throws IOException {
    if (field.isMapField()) {
      writeMap(out, field, (List<?>) value);
    } else if (field.isPacked()) {
      ByteArrayOutputStream packed = new ByteArrayOutputStream();
      CodedOutputStream to = CodedOutputStream.newInstance(packed, BUFFER);
      for (Object element : (List<?>) value) {
        writeScalar(to, field, element);
      }
      to.flush();
      out.writeByteArray(field.getNumber(), packed.toByteArray());
    } else if (field.isRepeated()) {
      for (Object element : (List<?>) value) {
        writeOne(out, field, element);
      }
    } else {
      writeOne(out, field, value);
    }
  }

  private static void writeMap(CodedOutputStream out, FieldDescriptor field, List<?> entries)
      throws IOException {
    FieldDescriptor key = field.getMessageType().findFieldByNumber(1);
    FieldDescriptor mapped = field.getMessageType().findFieldByNumber(2);
    List<Message> sorted = new ArrayList<>();
    entries.forEach(e -> sorted.add((Message) e));
    sorted.sort((a, b) ->
        a.getField(key) instanceof Long
            ? Long.compare((Long) a.getField(key), (Long) b.getField(key))
            : compareUtf8(a.getField(key).toString(), b.getField(key).toString()));
    for (Message entry : sorted) {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      CodedOutputStream to = CodedOutputStream.newInstance(bytes, BUFFER);
      writeOne(to, key, entry.getField(key));
      writeOne(to, mapped, entry.getField(mapped));
      to.flush();
      out.writeByteArray(field.getNumber(), bytes.toByteArray());
    }
  }

  /** Go compares strings by their bytes. */
  static int compareUtf8(String a, String b) {
    return ByteString.unsignedLexicographicalComparator()
        .compare(ByteString.copyFromUtf8(a), ByteString.copyFromUtf8(b));
  }

  private static void writeOne(CodedOutputStream out, FieldDescriptor field, Object value)
      throws IOException {
    if (value instanceof Message message) {
      out.writeBytes(field.getNumber(), encode(message));
      return;
    }
    out.writeTag(field.getNumber(), wireType(field));
    writeScalar(out, field, value);
  }

  private static int wireType(FieldDescriptor field) {
    return switch (field.getType()) {
      case STRING, BYTES -> WireFormat.WIRETYPE_LENGTH_DELIMITED;
      case FIXED32, SFIXED32, FLOAT -> WireFormat.WIRETYPE_FIXED32;
      case FIXED64, SFIXED64, DOUBLE -> WireFormat.WIRETYPE_FIXED64;
      default -> WireFormat.WIRETYPE_VARINT;
    };
  }

  private static void writeScalar(CodedOutputStream out, FieldDescriptor field, Object value)
      throws IOException {
    switch (field.getType()) {
      case STRING -> out.writeStringNoTag((String) value);
      case BYTES -> out.writeBytesNoTag((ByteString) value);
      case BOOL -> out.writeBoolNoTag((Boolean) value);
      case INT32 -> out.writeInt32NoTag((Integer) value);
      case UINT32 -> out.writeUInt32NoTag((Integer) value);
      case INT64 -> out.writeInt64NoTag((Long) value);
      case UINT64 -> out.writeUInt64NoTag((Long) value);
      case ENUM ->
          out.writeEnumNoTag(
              value instanceof EnumValueDescriptor e ? e.getNumber() : (Integer) value);
      case FIXED32 -> out.writeFixed32NoTag((Integer) value);
      case FIXED64 -> out.writeFixed64NoTag((Long) value);
      case DOUBLE -> out.writeDoubleNoTag((Double) value);
      default -> throw new IllegalArgumentException("no field of type " + field.getType());
    }
  }
}
