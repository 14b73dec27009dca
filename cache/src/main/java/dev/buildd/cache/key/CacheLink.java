package dev.buildd.cache.key;

import dev.buildd.base.content.Digest;
import java.util.Optional;

/**
 * How a result follows from one of its inputs.
 *
 * @param input which input of the operation
 * @param output which output of the operation
 * @param operation the digest of its cache map
 * @param selector what it looks at in the input, if not at all of it
 */
public record CacheLink(int input, int output, Digest operation, Optional<Digest> selector) {}
