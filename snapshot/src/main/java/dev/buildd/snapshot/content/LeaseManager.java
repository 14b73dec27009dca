package dev.buildd.snapshot.content;

import dev.buildd.base.content.Digest;
import java.time.Duration;
import java.util.function.Predicate;

/** Keeps blobs from being collected as long as somebody uses them. Safe for use by many threads. */
public interface LeaseManager {
  /** Given back by closing it, once or more often. */
  interface Lease extends AutoCloseable {
    @Override
    void close();
  }

  /** Keeps all that is written, read or asked for meanwhile; for a build. */
  Lease open();

  /** Keeps a blob, there already or still to come. */
  Lease hold(Digest digest);

  /** The number of blobs' leases that are open, for tests and leak checks. */
  int holds();

  /**
   * Deletes what is older than the age, not leased, and not needed.
   *
   * @return the bytes that were allocated to it
   */
  long collect(Predicate<Digest> needed, Duration age);
}
