package dev.buildd.snapshot;

import dev.buildd.snapshot.store.MetadataStore;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Filesystem states that build on one another. A snapshot is writable until it is committed, then
 * never changes; only a committed one can be built upon, and what others build upon cannot be
 * removed.
 *
 * <p>A snapshot outlives the process only once its record, which {@link #keep}, {@link #commit},
 * {@link #merge} and {@link #diff} put into the caller's batch, has been committed with it. All
 * others, and whatever was mounted below the root, are gone when the snapshotter is opened again.
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

  /** Lets a writable snapshot survive a restart. */
  void keep(String id, MetadataStore.Batch batch);

  /** Ends writing. Whoever mounted the snapshot has unmounted it. */
  void commit(String id, MetadataStore.Batch batch);

  /**
   * A committed snapshot that holds what the given ones do, each applied over those before it with
   * its deletions. One built from a {@link #diff} applies only the changes of that.
   */
  String merge(List<String> ids, MetadataStore.Batch batch);

  /** A committed snapshot of what has to be applied to {@code lower} to obtain {@code upper}. */
  String diff(Optional<String> lower, Optional<String> upper, MetadataStore.Batch batch);

  /**
   * How to mount: writable if the snapshot is, else read-only. A lone bind means that its source
   * can be used without mounting.
   */
  List<Mount> mounts(String id);

  /** How to mount read-only, whatever the snapshot is. */
  List<Mount> view(String id);

  /**
   * Where to read what a committed snapshot adds to another. Pinned meanwhile.
   *
   * @param below what the snapshot was made on; of a {@link #diff}, its lower side
   */
  LayerView layer(String id, Optional<String> below);

  /**
   * A layer's files.
   *
   * @param directory what the layer holds; {@code whole} if it shows what is below as well, else in
   *     overlayfs's form
   * @param below the directories of what it lies on, topmost first
   */
  record LayerView(Path directory, boolean whole, List<Path> below) {}

  /** The snapshots the given one directly builds upon. */
  List<String> parents(String id);

  /** Measures what the snapshot holds itself. */
  Usage usage(String id);

  /** Whether there is such a snapshot, with its files. */
  boolean contains(String id);

  /** All snapshots; reads every record. */
  Set<String> ids();

  /**
   * Removes a snapshot that nothing builds upon. It is gone at once; its files are for who calls
   * {@link Removed#free} once the batch is written. Files that nobody freed go at the next start.
   */
  Removed remove(String id, MetadataStore.Batch batch);

  /** The files of a removed snapshot. */
  @FunctionalInterface
  interface Removed {
    /** Takes them away; their space is freed in the background. */
    void free();
  }

  /** Waits until the space of all removed snapshots has been freed. */
  void awaitRemovals();

  @Override
  void close();
}
