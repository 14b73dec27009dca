package dev.buildd.frontend.dockerfile.subrequest;

import dev.buildd.llb.SourceMap;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/** JSON objects whose empty members are left out. */
final class Members {
  private final SequencedMap<String, Object> values = new LinkedHashMap<>();

  Members put(String name, Object value) {
    values.put(name, value);
    return this;
  }

  Members text(String name, String value) {
    if (!value.isEmpty()) {
      values.put(name, value);
    }
    return this;
  }

  Members flag(String name, boolean value) {
    if (value) {
      values.put(name, true);
    }
    return this;
  }

  Members list(String name, List<?> value) {
    if (!value.isEmpty()) {
      values.put(name, value);
    }
    return this;
  }

  /** A place; left out if it is nowhere. */
  Members place(String name, List<SourceMap.Span> spans) {
    if (!spans.isEmpty()) {
      values.put(name, location(spans));
    }
    return this;
  }

  Map<String, Object> toJson() {
    return values;
  }

  /** A place, as Go writes its message. */
  static Map<String, Object> location(List<SourceMap.Span> spans) {
    List<Object> ranges = new ArrayList<>();
    for (SourceMap.Span span : spans) {
      ranges.add(
          new Members()
              .put("start", line(span.startLine()))
              .put("end", line(span.endLine()))
              .toJson());
    }
    return new Members().list("ranges", ranges).toJson();
  }

  private static Map<String, Object> line(int line) {
    return line == 0 ? Map.of() : Map.of("line", line);
  }
}
