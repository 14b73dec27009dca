package dev.buildd.cache.key;

import dev.buildd.base.content.Digest;

/**
 * The name under which a result is remembered. Usually written like a digest, but not one of any
 * content.
 */
public record CacheKeyId(String value) implements Comparable<CacheKeyId> {
  public CacheKeyId {
    if (value.isEmpty()) {
      throw new IllegalArgumentException("empty cache key");
    }
  }

  public static CacheKeyId of(Digest digest) {
    return new CacheKeyId(digest.toString());
  }

  @Override
  public int compareTo(CacheKeyId other) {
    return value.compareTo(other.value);
  }

  @Override
  public String toString() {
    return value;
  }
}
