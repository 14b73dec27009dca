package dev.buildd.cache;

import dev.buildd.cache.contenthash.ContentHash;
import dev.buildd.snapshot.Mount;
import java.util.List;
import java.util.Optional;

/**
 * The only hold on files that can still be written. Ends with {@link #commit} or {@link #close};
 * closing after a commit does nothing.
 */
public interface MutableRef extends AutoCloseable {
  String id();

  /** The files, writable. All mounts share one. */
  Mounted mount();

  List<Mount> mounts();

  /**
   * Ends writing; the result is durable on return. All mounts must have been closed. If this ref is
   * retained, it can be opened again with {@link CacheManager#getMutable} as long as nobody uses
   * the result and nothing has been built on it; the result is then no more.
   */
  ImmutableRef commit();

  /**
   * Tells that the files come from a client, and gives the place to enter each change, so that
   * nothing needs to be read again. If the ref is released without a commit, what was entered is
   * forgotten.
   */
  ContentHash receive();

  /** Whether the ref stays when it is released; at first as its options said. */
  void retain(boolean retain);

  void put(String key, byte[] value);

  Optional<byte[]> get(String key);

  void index(String name, String value);

  /** Gives the ref back: deletes it unless it is retained. */
  @Override
  void close();
}
