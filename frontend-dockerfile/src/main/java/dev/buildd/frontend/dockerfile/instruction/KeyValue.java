package dev.buildd.frontend.dockerfile.instruction;

import dev.buildd.frontend.dockerfile.expand.Words;

/**
 * A name and its value.
 *
 * @param legacy whether they are written without an equals sign
 */
public record KeyValue(String key, String value, boolean legacy) {
  KeyValue expanded(Words words) {
    return new KeyValue(words.word(key), words.word(value), legacy);
  }
}
