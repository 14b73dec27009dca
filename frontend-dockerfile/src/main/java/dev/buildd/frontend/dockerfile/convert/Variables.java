package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.frontend.dockerfile.expand.Environment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;

/** Variables, in the order in which they were set last. Belongs to one thread. */
final class Variables implements Environment {
  private final SequencedMap<String, String> values;

  Variables() {
    this.values = new LinkedHashMap<>();
  }

  Variables(Map<String, String> values) {
    this.values = new LinkedHashMap<>(values);
  }

  Variables copy() {
    return new Variables(values);
  }

  /** Sets a variable, which moves to the end. */
  void set(String name, String value) {
    values.putLast(name, value);
  }

  void remove(String name) {
    values.remove(name);
  }

  @Override
  public Optional<String> value(String name) {
    return Optional.ofNullable(values.get(name));
  }

  @Override
  public List<String> names() {
    return List.copyOf(values.sequencedKeySet());
  }

  boolean isSet(String name) {
    return values.containsKey(name);
  }
}
