package dev.buildd.cache.contenthash;

import dev.buildd.base.content.Digest;

/**
 * A file that went into a digest of contents.
 *
 * @param path absolute within its tree
 * @param mode type and permissions as in {@code st_mode}
 * @param size bytes of a regular file
 * @param digest of its metadata, without times, and its data
 */
public record ListedFile(String path, int mode, int uid, int gid, long size, Digest digest) {

  /** Receives files; not in a particular order. */
  @FunctionalInterface
  public interface Reader {
    void read(ListedFile file) throws InterruptedException;
  }
}
