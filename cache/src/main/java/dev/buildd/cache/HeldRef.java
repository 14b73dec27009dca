package dev.buildd.cache;

import dev.buildd.base.content.Digest;
import dev.buildd.base.linux.FileFailures;
import dev.buildd.cache.contenthash.ChecksumOptions;
import dev.buildd.cache.contenthash.ContentHash;
import dev.buildd.cache.contenthash.ListedFile;
import dev.buildd.snapshot.Mount;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** What the two kinds of ref have in common: one hold on an entry, given back once. */
abstract class HeldRef {
  final CacheManager manager;
  final RefRecord entry;
  private boolean open = true; // guarded by the table

  HeldRef(CacheManager manager, RefRecord entry) {
    this.manager = manager;
    this.entry = entry;
  }

  /** The entry, of which this is still a hold. */
  final RefRecord open() {
    synchronized (manager.table()) {
      if (!open) {
        throw new IllegalStateException("ref " + entry.id + " is closed");
      }
      return entry;
    }
  }

  /** Ends this hold; false if it had ended before. */
  final boolean end() {
    synchronized (manager.table()) {
      boolean was = open;
      open = false;
      return was;
    }
  }

  public final String id() {
    return entry.id;
  }

  public final void put(String key, byte[] value) {
    synchronized (manager.table()) {
      manager.table().putValue(open(), key, value);
    }
  }

  public final Optional<byte[]> get(String key) {
    return manager.table().value(entry, key);
  }

  public final void index(String name, String value) {
    manager.index(open(), name, value);
  }

  /** A hold that anybody may share: nothing changes any more. */
  static final class Immutable extends HeldRef implements ImmutableRef {
    private final LayerProvider provider;

    Immutable(CacheManager manager, RefRecord entry, LayerProvider provider) {
      super(manager, entry);
      this.provider = provider;
    }

    LayerProvider provider() {
      return provider;
    }

    @Override
    public ImmutableRef share() {
      return manager.hold(open(), provider);
    }

    @Override
    public boolean isLazy() {
      return open().isLazy();
    }

    @Override
    public void prepare() throws Exception {
      manager.lazy().bring(open(), provider);
    }

    @Override
    public void checkAvailable() throws Exception {
      manager.lazy().check(open(), provider);
    }

    @Override
    public AutoCloseable fetchBlob() throws Exception {
      return manager.lazy().fetch(open(), provider);
    }

    /** The entry with its files. */
    RefRecord bring() {
      RefRecord held = open();
      if (held.isLazy()) {
        FileFailures.run("bring ref " + held.id, this::prepare);
      }
      return held;
    }

    @Override
    public Mounted mount() {
      return manager.mounts().mount(bring(), false);
    }

    @Override
    public List<Mount> mounts() {
      return manager.snapshotter().view(bring().snapshot);
    }

    @Override
    public long size() {
      return manager.usage().of(open());
    }

    @Override
    public String description() {
      return entry.description;
    }

    @Override
    public Instant createdAt() {
      return entry.createdAt;
    }

    @Override
    public void archive(OutputStream out) throws IOException, InterruptedException {
      manager
          .differ()
          .archive(manager.snapshotOf(this), entry.below().map(below -> below.snapshot), out);
    }

    @Override
    public Digest checksum(String path, ChecksumOptions options) {
      RefRecord held = bring();
      return manager
          .hashOf(held)
          .checksum(path, options, () -> manager.mounts().mount(held, false));
    }

    @Override
    public void files(String path, ChecksumOptions options, ListedFile.Reader reader) {
      RefRecord held = bring();
      manager.hashOf(held).files(path, options, () -> manager.mounts().mount(held, false), reader);
    }

    @Override
    public Digest digestAs(String path, int mode, int uid, int gid) {
      RefRecord held = bring();
      return ContentHash.digestAs(path, mode, uid, gid, () -> manager.mounts().mount(held, false));
    }

    @Override
    public List<ImmutableRef> layerChain() {
      synchronized (manager.table()) {
        return open().layers().stream().map(layer -> manager.hold(layer, provider)).toList();
      }
    }

    @Override
    public void close() {
      synchronized (manager.table()) {
        if (end()) {
          manager.table().release(entry);
        }
      }
    }

    @Override
    public String toString() {
      return "ref " + entry.id;
    }
  }

  /** The only hold on an entry whose files are being written. */
  static final class Mutable extends HeldRef implements MutableRef {
    Mutable(CacheManager manager, RefRecord entry) {
      super(manager, entry);
    }

    @Override
    public Mounted mount() {
      return manager.mounts().mount(open(), true);
    }

    @Override
    public List<Mount> mounts() {
      return manager.snapshotter().mounts(open().snapshot);
    }

    @Override
    public ImmutableRef commit() {
      return manager.commit(this);
    }

    @Override
    public ContentHash receive() {
      return manager.receive(open());
    }

    @Override
    public void retain(boolean retain) {
      manager.retain(open(), retain);
    }

    @Override
    public void close() {
      if (end()) {
        manager.release(entry);
      }
    }

    @Override
    public String toString() {
      return "mutable ref " + entry.id;
    }
  }
}
