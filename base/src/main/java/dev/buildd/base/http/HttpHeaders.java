package dev.buildd.base.http;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;

/** The headers of an answer; names are the same in any case. */
public final class HttpHeaders {
  private final Map<String, List<String>> values = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);

  /**
   * @param lines name and value, in order
   */
  HttpHeaders(List<Map.Entry<String, String>> lines) {
    for (Map.Entry<String, String> line : lines) {
      values.merge(
          line.getKey(),
          List.of(line.getValue()),
          (a, b) -> java.util.stream.Stream.concat(a.stream(), b.stream()).toList());
    }
  }

  public Optional<String> firstValue(String name) {
    return allValues(name).stream().findFirst();
  }

  public List<String> allValues(String name) {
    return values.getOrDefault(name, List.of());
  }

  /**
   * @throws NumberFormatException if it is no number
   */
  public OptionalLong firstValueAsLong(String name) {
    Optional<String> text = firstValue(name);
    return text.isPresent() ? OptionalLong.of(Long.parseLong(text.get())) : OptionalLong.empty();
  }

  /** Whether one of the values of a header that is a list is this. */
  boolean lists(String name, String wanted) {
    return allValues(name).stream()
        .flatMap(value -> List.of(value.split(",")).stream())
        .anyMatch(value -> value.strip().equalsIgnoreCase(wanted));
  }
}
