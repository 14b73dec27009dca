package dev.buildd.buildctl;

import dev.buildd.base.json.GoJson;
import dev.buildd.gateway.JsonValues;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The exporters' answers as an indented JSON file; what is JSON in base64 is unfolded. */
final class MetadataFile {
  private MetadataFile() {}

  static void write(Path file, Map<String, String> response) throws IOException {
    SortedMap<String, @Nullable Object> values = new TreeMap<>();
    response.forEach((key, value) -> values.put(key, unfolded(value)));
    StringBuilder out = new StringBuilder();
    print(out, values, 0);
    Path temporary = file.resolveSibling("." + file.getFileName() + ".tmp");
    Files.writeString(temporary, out);
    Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
  }

  private static Object unfolded(String value) {
    try {
      String text = new String(Base64.getDecoder().decode(value), StandardCharsets.UTF_8);
      Optional<Map<String, @Nullable Object>> object = JsonValues.object(text);
      if (object.isPresent() && !object.get().isEmpty()) {
        return object.get();
      }
    } catch (IllegalArgumentException e) {
      // plain text
    }
    return value;
  }

  private static void print(StringBuilder out, @Nullable Object value, int depth) {
    switch (value) {
      case null -> out.append("null");
      case Map<?, ?> map -> {
        if (map.isEmpty()) {
          out.append("{}");
          return;
        }
        out.append('{');
        boolean first = true;
        for (Map.Entry<?, ?> entry : map.entrySet()) {
          out.append(first ? "\n" : ",\n").repeat("  ", depth + 1);
          first = false;
          GoJson.quote(out, String.valueOf(entry.getKey())).append(": ");
          print(out, entry.getValue(), depth + 1);
        }
        out.append('\n').repeat("  ", depth).append('}');
      }
      case List<?> list -> {
        if (list.isEmpty()) {
          out.append("[]");
          return;
        }
        out.append('[');
        boolean first = true;
        for (Object element : list) {
          out.append(first ? "\n" : ",\n").repeat("  ", depth + 1);
          first = false;
          print(out, element, depth + 1);
        }
        out.append('\n').repeat("  ", depth).append(']');
      }
      case String text -> GoJson.quote(out, text);
      default -> out.append(value);
    }
  }
}
