package dev.buildd.cache;

import dev.buildd.base.error.Defects;
import dev.buildd.base.linux.FileFailures;
import dev.buildd.base.linux.Linux;
import dev.buildd.snapshot.LayerFiles;
import dev.buildd.snapshot.Mount;
import dev.buildd.snapshot.MountPoint;
import dev.buildd.snapshot.Snapshotter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Shows refs' files at paths: where they are if a plain directory has them, else at a mount point
 * that all who want the same ref share. Whoever has files mounted holds the ref.
 */
final class RefMounts {
  private static final Logger log = LoggerFactory.getLogger(RefMounts.class);

  private final Path root;
  private final Snapshotter snapshotter;
  private final RefTable table;

  RefMounts(Path root, Snapshotter snapshotter, RefTable table) throws IOException {
    this.root = Files.createDirectories(root);
    this.snapshotter = snapshotter;
    this.table = table;
    Mount.detachAllBelow(root);
    for (Path left : LayerFiles.list(root)) {
      Linux.rmdir(left); // nothing is mounted there any more, so it is empty
    }
  }

  private final class RefMount implements Mounted {
    private final RefRecord entry;
    private final Path path;
    private boolean open = true; // guarded by this

    RefMount(RefRecord entry, Path path) {
      this.entry = entry;
      this.path = path;
    }

    @Override
    public Path path() {
      return path;
    }

    @Override
    public void close() {
      synchronized (this) {
        if (!open) {
          return;
        }
        open = false;
      }
      try {
        unmount(entry);
      } finally {
        release(entry);
      }
    }
  }

  private void release(RefRecord entry) {
    synchronized (table) {
      table.release(entry);
    }
  }

  Mounted mount(RefRecord entry, boolean writable) {
    synchronized (table) {
      table.hold(entry);
    }
    boolean held = false;
    try {
      Mounted out = shown(entry, writable);
      held = true;
      return out;
    } finally {
      if (!held) {
        release(entry);
      }
    }
  }

  private Mounted shown(RefRecord entry, boolean writable) {
    entry.files.lock();
    try {
      MountPoint shared = entry.mountPoint;
      if (shared != null) {
        entry.mountUsers++;
        return new RefMount(entry, shared.path());
      }
      boolean pinned = entry.mountUsers > 0;
      if (!pinned) {
        snapshotter.pin(entry.snapshot);
      }
      try {
        Path at = made(entry, writable);
        entry.mountUsers++;
        pinned = true;
        return new RefMount(entry, at);
      } finally {
        if (!pinned) {
          snapshotter.unpin(entry.snapshot);
        }
      }
    } finally {
      entry.files.unlock();
    }
  }

  private Path made(RefRecord entry, boolean writable) {
    List<Mount> mounts =
        writable ? snapshotter.mounts(entry.snapshot) : snapshotter.view(entry.snapshot);
    MountPoint point =
        FileFailures.wrap("mount ref " + entry.id, () -> MountPoint.open(mounts, root));
    if (point.isMounted()) {
      entry.mountPoint = point;
    }
    return point.path();
  }

  private void unmount(RefRecord entry) {
    entry.files.lock();
    try {
      if (entry.mountUsers == 0) {
        log.error("ref unmounted that nobody had mounted id={}", entry.id);
        Defects.met("ref unmounted that nobody had mounted: " + entry.id);
        return;
      }
      if (--entry.mountUsers > 0) {
        return;
      }
      snapshotter.unpin(entry.snapshot);
      @Nullable MountPoint point = entry.mountPoint;
      if (point != null) {
        entry.mountPoint = null;
        point.close();
      }
    } finally {
      entry.files.unlock();
    }
  }
}
