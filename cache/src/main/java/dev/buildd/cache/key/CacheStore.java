package dev.buildd.cache.key;

import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.function.BiConsumer;

/**
 * Remembers which keys follow from which, and which results they stand for. Everything written is
 * visible to the next call of anyone. Safe for use by many threads.
 */
public interface CacheStore {
  /** Tells stores apart; records carry it. */
  String id();

  /** Whether the key has links or records. */
  boolean exists(CacheKeyId key);

  /** The keys that follow from a key by a link: several, where other inputs differ. */
  Set<CacheKeyId> follow(CacheKeyId from, CacheLink link);

  /** Notes that {@code to} follows from {@code from}. May become durable a moment later. */
  void link(CacheKeyId from, CacheLink link, CacheKeyId to);

  /** The results of a key, latest first. */
  List<CacheRecord> records(CacheKeyId key);

  /**
   * Notes a result of a key; durable on return, with all links noted before. Saving the same again
   * changes nothing.
   */
  void save(CacheKeyId key, String resultId);

  /** As {@link #save(CacheKeyId, String)}, of a result that was made at another time. */
  void save(CacheKeyId key, String resultId, Instant createdAt);

  /** Forgets a result, and the keys that lead nowhere without it. */
  void release(String resultId);

  /** As {@link #release(String)}, of several at once. */
  default void release(Collection<String> resultIds) {
    resultIds.forEach(this::release);
  }

  /** The keys that stand for a result. */
  Set<CacheKeyId> keysOf(String resultId);

  /** Hands over every link that leads to the key, with the key it comes from. */
  void backlinks(CacheKeyId key, BiConsumer<CacheKeyId, CacheLink> reader);

  /** Receives a link, and the keys that it leads from and to. */
  @FunctionalInterface
  interface LinkReader {
    /** Whether it wants more. */
    boolean read(CacheKeyId from, CacheLink link, CacheKeyId to);
  }

  /** Hands over all links. Those that are noted meanwhile may be among them or not. */
  void links(LinkReader reader);

  /** All results known. */
  Set<String> results();
}
