package dev.buildd.worker.runc;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.PrivateDirectory;
import dev.buildd.snapshot.LocalSnapshotter;
import dev.buildd.snapshot.NativeSnapshotter;
import dev.buildd.snapshot.OverlaySnapshotter;
import dev.buildd.snapshot.Snapshotter;
import dev.buildd.snapshot.content.ContentStore;
import dev.buildd.snapshot.content.LeaseManager;
import dev.buildd.snapshot.content.LocalContentStore;
import dev.buildd.snapshot.layer.Applier;
import dev.buildd.snapshot.layer.Differ;
import dev.buildd.snapshot.layer.LocalApplier;
import dev.buildd.snapshot.layer.LocalDiffer;
import dev.buildd.snapshot.store.MetadataStore;
import dev.buildd.solver.executor.Executor;
import dev.buildd.solver.worker.WorkerBackend;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Files of the daemon's own, and runc. */
public final class RuncBackend implements WorkerBackend {
  private static final Logger log = LoggerFactory.getLogger(RuncBackend.class);

  private final RuncExecutor executor;
  private final LocalSnapshotter snapshotter;
  private final LocalContentStore content;
  private final Differ differ;
  private final Applier applier;

  private RuncBackend(
      RuncExecutor executor,
      LocalSnapshotter snapshotter,
      LocalContentStore content,
      Path scratch) {
    this.executor = executor;
    this.snapshotter = snapshotter;
    this.content = content;
    this.differ = new LocalDiffer(snapshotter);
    this.applier = new LocalApplier(content, scratch);
  }

  /**
   * Opens the files, and ends what processes of an earlier daemon are left.
   *
   * @param root of the daemon: {@code snapshots} and {@code content} are in it
   * @param store for the records of the snapshots
   * @param snapshotter {@code overlayfs}, {@code native}, or {@code auto} for what works here
   * @param scratch a directory in which snapshots are mounted meanwhile; emptied at start
   */
  public static RuncBackend open(
      Path root, MetadataStore store, String snapshotter, RuncSettings runc, Path scratch)
      throws IOException {
    RuncExecutor executor = new RuncExecutor(runc);
    executor.recover();
    Path snapshots = PrivateDirectory.make(root.resolve("snapshots"));
    Path blobs = PrivateDirectory.make(root.resolve("content"));
    return new RuncBackend(
        executor,
        snapshotter(snapshotter, snapshots, store),
        LocalContentStore.open(blobs),
        scratch);
  }

  private static LocalSnapshotter snapshotter(String wanted, Path directory, MetadataStore store) {
    return switch (wanted) {
      case "auto" ->
          overlayWorks(directory)
              ? OverlaySnapshotter.open(directory, store)
              : NativeSnapshotter.open(directory, store);
      case "overlayfs" -> OverlaySnapshotter.open(directory, store);
      case "native" -> NativeSnapshotter.open(directory, store);
      case "fuse-overlayfs", "stargz" ->
          throw new BuildException(
              Category.UNIMPLEMENTED,
              "snapshotter " + wanted + " is not supported by this daemon yet");
      default -> throw BuildException.invalid("unknown snapshotter \"" + wanted + "\"");
    };
  }

  /**
   * Whether layers are to be overlays. What keeps a root from being asked now, a full disk say, is
   * no reason to give up all that is in it.
   */
  private static boolean overlayWorks(Path directory) {
    Optional<IOException> failure = OverlaySnapshotter.probe(directory);
    if (failure.isEmpty()) {
      return true;
    }
    if (OverlaySnapshotter.isLasting(failure.get())) {
      log.warn(
          "overlayfs does not work here, using the native snapshotter root={} cause=\"{}\"",
          directory,
          failure.get().getMessage());
      return false;
    }
    boolean wasNative = NativeSnapshotter.isHere(directory);
    log.warn(
        "cannot find out whether overlayfs works, using the {} root={} cause=\"{}\"",
        wasNative ? "native snapshotter as before" : "overlayfs snapshotter",
        directory,
        failure.get().getMessage());
    return !wasNative;
  }

  @Override
  public String name() {
    return "oci";
  }

  @Override
  public Executor executor() {
    return executor;
  }

  @Override
  public Snapshotter snapshotter() {
    return snapshotter;
  }

  @Override
  public ContentStore content() {
    return content;
  }

  @Override
  public LeaseManager leases() {
    return content;
  }

  @Override
  public Differ differ() {
    return differ;
  }

  @Override
  public Applier applier() {
    return applier;
  }

  @Override
  public void close() {
    snapshotter.close();
  }
}
