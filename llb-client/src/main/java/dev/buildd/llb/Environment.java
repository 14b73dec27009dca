package dev.buildd.llb;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.Optional;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/**
 * Variables in the order in which they were set last. Immutable; to set one more costs nothing but
 * itself, so that long chains of states share what they have in common.
 */
final class Environment {
  static final Environment EMPTY = new Environment(null, "", "");

  private final @Nullable Environment earlier;
  private final String key;
  private final String value;

  private Environment(@Nullable Environment earlier, String key, String value) {
    this.earlier = earlier;
    this.key = key;
    this.value = value;
  }

  Environment with(String name, String text) {
    return new Environment(this, name, text);
  }

  Optional<String> get(String name) {
    for (Environment at = this; at.earlier != null; at = at.earlier) {
      if (at.key.equals(name)) {
        return Optional.of(at.value);
      }
    }
    return Optional.empty();
  }

  /** All of them; the caller's own. */
  SequencedMap<String, String> toMap() {
    Deque<Environment> settings = new ArrayDeque<>();
    for (Environment at = this; at.earlier != null; at = at.earlier) {
      settings.push(at);
    }
    SequencedMap<String, String> out = new LinkedHashMap<>();
    for (Environment at : settings) {
      out.putLast(at.key, at.value); // a variable that is set again moves to the end
    }
    return out;
  }
}
