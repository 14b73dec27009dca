package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.frontend.dockerfile.expand.Environment;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.concurrent.atomic.AtomicLong;

/** Variables, in the order in which they were set last. Belongs to one thread. */
final class Variables implements Environment {
  /**
   * How many characters all values may come to, wherever a conversion puts them. Few lines, each of
   * which names the variable of the line before twice, would fill any memory.
   */
  private static final long MAX_EXPANDED = 64 << 20;

  private final SequencedMap<String, String> values;

  /** What is left of those; all variables of a conversion share it. */
  private final AtomicLong left;

  Variables() {
    this(Map.of(), new AtomicLong(MAX_EXPANDED));
  }

  private Variables(Map<String, String> values, AtomicLong left) {
    this.values = new LinkedHashMap<>(values);
    this.left = left;
  }

  Variables copy() {
    return new Variables(values, left);
  }

  /** None, for another part of the same conversion. */
  Variables none() {
    return new Variables(Map.of(), left);
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

  @Override
  public void charge(int characters) {
    if (left.addAndGet(-characters) < 0) {
      throw new DockerfileException("values of variables come to more than 64 MiB in all");
    }
  }

  boolean isSet(String name) {
    return values.containsKey(name);
  }
}
