package dev.buildd.cache.key;

import java.time.Instant;

/**
 * A result that a key stands for.
 *
 * @param store the id of the store that remembers it
 * @param resultId names the result where results are kept
 */
public record CacheRecord(String store, CacheKeyId key, String resultId, Instant createdAt) {}
