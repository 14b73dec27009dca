package dev.buildd.cache.key;

import dev.buildd.base.content.Digest;
import java.util.Optional;

/**
 * How a result follows from one of its inputs.
 *
 * @param input which input of the operation
 * @param step the operation and which of its outputs, as {@link CacheKeyId#root} names them
 * @param selector what it looks at in the input, if not at all of it
 */
public record CacheLink(int input, CacheKeyId step, Optional<Digest> selector) {
  /**
   * @param output which output of the operation
   * @param operation the digest of its cache map
   */
  public static CacheLink of(int input, int output, Digest operation, Optional<Digest> selector) {
    return new CacheLink(input, CacheKeyId.root(operation, output), selector);
  }
}
