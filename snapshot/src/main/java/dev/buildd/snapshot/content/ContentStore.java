package dev.buildd.snapshot.content;

import dev.buildd.base.content.Digest;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * Holds blobs by digest. A blob is visible only once its writer has been committed, whole and
 * durable. What is being written is private to its writer and gone when the store is opened again.
 * Who keeps blobs, and when they go, is the {@link LeaseManager}'s.
 *
 * <p>Safe for use by many threads. Failures are {@code BuildException}s; a blob that is not there
 * is {@code NOT_FOUND}.
 */
public interface ContentStore {
  /**
   * What is known of a blob.
   *
   * @param size in bytes
   */
  record BlobInfo(Digest digest, long size, Instant createdAt) {}

  Optional<BlobInfo> info(Digest digest);

  /** The allocated bytes of a blob, none if it is not here. Asking keeps nothing. */
  long bytes(Digest digest);

  /** The allocated bytes of all blobs, those being written not counted. */
  long bytes();

  /** All blobs, in no order. */
  List<BlobInfo> list();

  /** The blob's bytes from an offset on. */
  InputStream read(Digest digest, long offset);

  /** The whole of a small blob. */
  byte[] readAll(Digest digest);

  /** Deletes a blob, needed or not. Those who read it read on. */
  void delete(Digest digest);

  /** Stores a small blob that is in memory. */
  Digest put(byte[] content);

  /**
   * Begins to write a blob.
   *
   * @param size what it must have, in bytes; negative if unknown
   */
  Writer write(Digest expected, long size);

  /** Begins to write a blob whose digest will be known at the end. */
  Writer writeNew();

  /** A blob that is being written, by one thread at a time. Closing it forgets what is not kept. */
  interface Writer extends AutoCloseable {
    /** Takes the bytes; more than were announced are refused. */
    OutputStream stream();

    /** The bytes taken so far. */
    long written();

    /**
     * Ends writing, checks that what was written is what was announced, and tells its digest.
     *
     * @throws dev.buildd.base.error.BuildException {@code FAILED_PRECONDITION} if it is not
     */
    Digest verify();

    /** The verified bytes, whether or not they become a blob. */
    InputStream open();

    /** Makes it a blob, durably; once. */
    void commit();

    @Override
    void close();
  }
}
