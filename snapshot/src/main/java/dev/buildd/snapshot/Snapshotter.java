package dev.buildd.snapshot;

import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Filesystem states that build on one another. A snapshot is writable until it is committed, then
 * never changes; only a committed one can be built upon, and what others build upon cannot be
 * removed.
 *
 * <p>A snapshot outlives the process only once what {@link #keep} or {@link #commit} answered says
 * that it is written. All others, and whatever was mounted below the root, are gone when the
 * snapshotter is opened again.
 *
 * <p>Safe for use by many threads; what is done to one snapshot is ordered by its owner. Failures
 * are {@code BuildException}s: {@code NOT_FOUND}, {@code FAILED_PRECONDITION}.
 */
public interface Snapshotter extends AutoCloseable {
  /** The name users know, for example {@code overlayfs}. */
  String name();

  /** A new writable snapshot that begins as its parent, or empty. */
  String prepare(Optional<String> parent);

  /**
   * A new empty writable snapshot that will hold a few small files only. Its files need not be on
   * disk: {@link #mounts} and {@link #view} tell where they are only as long as it is pinned, which
   * it is until committed. It cannot be kept.
   */
  default String prepareSmall() {
    return prepare(Optional.empty());
  }

  /** Keeps the files of a snapshot where {@link #mounts} and {@link #view} then say they are. */
  default void pin(String id) {}

  /** Gives back one {@link #pin}; nothing happens if the snapshot is gone. */
  default void unpin(String id) {}

  /** Lets a snapshot survive a restart. */
  Written keep(String id);

  /** Ends writing, and keeps the snapshot. Whoever mounted it has unmounted it. */
  Written commit(String id);

  /**
   * A committed snapshot that holds what the given ones do, each applied over those before it with
   * its deletions. One built from a {@link #diff} applies only the changes of that. Not kept as
   * yet.
   */
  String merge(List<String> ids);

  /**
   * A committed snapshot of what has to be applied to {@code lower} to obtain {@code upper}. Not
   * kept as yet.
   */
  String diff(Optional<String> lower, Optional<String> upper);

  /**
   * How to mount: writable if the snapshot is, else read-only. A lone bind means that its source
   * can be used without mounting.
   */
  List<Mount> mounts(String id);

  /** How to mount read-only, whatever the snapshot is. */
  List<Mount> view(String id);

  /** The snapshots the given one directly builds upon. */
  List<String> parents(String id);

  /** Measures what the snapshot holds itself. */
  Usage usage(String id);

  /** Whether there is such a snapshot, with its files. */
  boolean contains(String id);

  /** All snapshots; reads every record. */
  Set<String> ids();

  /**
   * Removes snapshots that nothing else builds upon, those built upon others first; also on a full
   * disk. They are gone when this returns; their space is freed in the background. All that can be
   * removed is, whatever becomes of the others.
   *
   * @throws dev.buildd.base.error.BuildException what went wrong first
   */
  void remove(List<String> ids);

  /**
   * Waits until the space of all removed snapshots has been freed, those included that could not be
   * removed on a full disk before and can now.
   */
  void awaitRemovals();

  @Override
  void close();
}
