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

  /** The key of an output of an operation without inputs (wire.md section 14.3). */
  public static CacheKeyId root(Digest operation, int output) {
    return of(CacheDigest.of(CacheDigest.Kind.STRING, operation + "@" + output));
  }

  /** A root key that means nothing beyond this daemon's present sessions and is never exported. */
  public static CacheKeyId random(Digest operation, int output) {
    return new CacheKeyId("random:" + operation.hex() + "@" + output);
  }

  /** The key of a content, whatever made it (wire.md section 14.3). */
  public static CacheKeyId content(Digest content) {
    return of(CacheDigest.of(CacheDigest.Kind.STRING, content + "@-1"));
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
