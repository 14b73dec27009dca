package dev.buildd.solver.worker;

import dev.buildd.snapshot.Snapshotter;
import dev.buildd.snapshot.content.ContentStore;
import dev.buildd.snapshot.content.LeaseManager;
import dev.buildd.snapshot.layer.Applier;
import dev.buildd.snapshot.layer.Differ;
import dev.buildd.solver.executor.Executor;

/**
 * What a worker builds with: where files are kept, and what runs processes on them. The parts
 * belong together: the applier fills snapshots of this snapshotter from blobs of this content
 * store, which these leases keep, and the differ reads such snapshots.
 *
 * <p>Safe for use by many threads. Closing it ends the parts; snapshots and blobs that were kept
 * are there when it is opened again.
 */
public interface WorkerBackend extends AutoCloseable {
  /** What runs the processes, as users know it, for example {@code oci}. */
  String name();

  Executor executor();

  Snapshotter snapshotter();

  ContentStore content();

  LeaseManager leases();

  Differ differ();

  Applier applier();

  @Override
  void close();
}
