package dev.buildd.frontend.dockerfile.expand;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Variables and their values. */
public interface Environment {
  /** In which nothing is set. */
  Environment EMPTY = of(Map.of());

  Optional<String> value(String name);

  /** The names of those set, in their order. */
  List<String> names();

  /**
   * Tells that values of so many characters were put into a text.
   *
   * @throws dev.buildd.frontend.dockerfile.source.DockerfileException without a place if that is
   *     more than there may be
   */
  default void charge(int characters) {}

  static Environment of(Map<String, String> variables) {
    return new Environment() {
      @Override
      public Optional<String> value(String name) {
        return Optional.ofNullable(variables.get(name));
      }

      @Override
      public List<String> names() {
        return List.copyOf(variables.keySet());
      }
    };
  }
}
