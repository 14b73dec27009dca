package dev.buildd.snapshot;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.Errno;
import dev.buildd.base.linux.FileFailures;
import dev.buildd.base.linux.FileTree;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.LinuxException;
import dev.buildd.snapshot.SnapshotTable.Flat;
import dev.buildd.snapshot.SnapshotTable.Kind;
import dev.buildd.snapshot.SnapshotTable.Snapshot;
import dev.buildd.snapshot.store.MetadataStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Snapshots as overlayfs layers. A snapshot is one directory, {@code l/ID}; the kernel's scratch
 * directory {@code w/ID} exists only while a snapshot with a parent is writable; a merge or diff
 * along a chain needs no directory at all.
 *
 * <p>A small snapshot without a parent is kept as bytes in its record. Its files are on a tmpfs,
 * {@code m}, while they are looked at; the directory {@code l/ID} is made only once another
 * snapshot needs it below itself.
 *
 * <p>In a merge or a diff a layer lies over others than it was made on. If its own form would hide
 * more of them than it changed, {@code p/ID} holds, by hard links, what it did change.
 *
 * <p>Overlayfs takes about 500 layers. Chains that come near a hundred are shortened: the topmost
 * layers are merged, by hard links, into one directory {@code f/ID} that stands for them.
 */
public final class OverlaySnapshotter implements LocalSnapshotter {
  /** What it keeps of layers in its root. */
  static final List<String> DIRECTORIES = List.of("l", "w", "f", "p");

  private static final Set<Integer> LASTING =
      Set.of(Errno.ENODEV, Errno.EINVAL, Errno.EPERM, Errno.EACCES, Errno.ENOSYS, Errno.EOPNOTSUPP);
  private static final int MAX_LAYERS = 100;
  private static final int ENOUGH_TO_FLATTEN = 50;

  private final Path layers;
  private final Path work;
  private final Path flats;
  private final Path plains;
  private final Path temp;
  private final Path empty;
  private final List<String> kernelOptions;
  private final SnapshotTable table;
  private final Trash trash;
  private final MemoryTrees memory;

  private OverlaySnapshotter(Path root, MetadataStore store) throws IOException {
    Files.createDirectories(root);
    Path real = root.toRealPath();
    Mount.detachAllBelow(real);
    layers = Files.createDirectories(real.resolve("l"));
    work = Files.createDirectories(real.resolve("w"));
    flats = Files.createDirectories(real.resolve("f"));
    plains = Files.createDirectories(real.resolve("p"));
    temp = real.resolve("tmp");
    empty = Files.createDirectories(real.resolve("e"));
    kernelOptions = kernelOptions();
    trash = new Trash(real.resolve("trash"));
    if (Linux.exists(temp)) {
      trash.add(temp);
    }
    Files.createDirectories(temp);
    memory = new MemoryTrees(Files.createDirectories(real.resolve("m")));
    List<Path> all = List.of(layers, work, flats, plains);
    for (String name : NativeSnapshotter.DIRECTORIES) {
      discard(real.resolve(name)); // of another snapshotter, whose layers are of no use here
    }
    table =
        new SnapshotTable(
            store,
            this::isComplete,
            id -> Files.isDirectory(flats.resolve(id)),
            SnapshotTable.numbers(all));
    for (Path directory : all) {
      removeUnknown(directory);
    }
  }

  public static OverlaySnapshotter open(Path root, MetadataStore store) {
    return FileFailures.wrap(
        "open overlay snapshots " + root, () -> new OverlaySnapshotter(root, store));
  }

  /** Mounts overlayfs on this directory's filesystem; what goes wrong with that. */
  public static Optional<IOException> probe(Path directory) {
    try {
      Files.createDirectories(directory);
      Path probe = Files.createTempDirectory(directory, "overlay-check");
      try {
        Path at = Files.createDirectory(probe.resolve("m"));
        List<String> options = new ArrayList<>();
        for (String name : List.of("lowerdir", "upperdir", "workdir")) {
          options.add(name + "=" + Files.createDirectory(probe.resolve(name)));
        }
        new Mount("overlay", "overlay", options).at(at);
        Linux.umount(at, 0);
        return Optional.empty();
      } finally {
        FileTree.delete(probe);
      }
    } catch (IOException e) {
      return Optional.of(e);
    }
  }

  /** Whether a failed probe says something of the kernel, its rights or the filesystem. */
  public static boolean isLasting(IOException failure) {
    return failure instanceof LinuxException e && LASTING.contains(e.errno());
  }

  private static List<String> kernelOptions() {
    List<String> out = new ArrayList<>();
    for (String name : List.of("index", "redirect_dir", "metacopy")) {
      if (Files.exists(Path.of("/sys/module/overlay/parameters", name))) {
        out.add(name + "=off"); // layers must be readable without the kernel's private marks
      }
    }
    return out;
  }

  private boolean isComplete(Snapshot snapshot) {
    return snapshot.kind == Kind.STACK
        || snapshot.packed != null
        || Files.isDirectory(layers.resolve(snapshot.id));
  }

  private void removeUnknown(Path directory) throws IOException {
    for (Path path : LayerFiles.list(directory)) {
      String id = path.getFileName().toString();
      if (!table.contains(id) || !belongs(directory, table.get(id))) {
        trash.add(path);
      }
    }
  }

  private boolean belongs(Path directory, Snapshot snapshot) {
    if (directory.equals(flats)) {
      return snapshot.flat != null;
    }
    if (directory.equals(plains)) {
      return true;
    }
    return directory.equals(layers) ? snapshot.packed == null : !snapshot.committed;
  }

  @Override
  public String name() {
    return "overlayfs";
  }

  @Override
  public String prepare(Optional<String> parent) {
    parent.map(table::get).ifPresent(this::shorten);
    Snapshot snapshot = table.add(Kind.LAYER, parent.map(List::of).orElse(List.of()));
    try {
      FileFailures.run("prepare snapshot " + snapshot.id, () -> create(snapshot));
    } catch (BuildException e) {
      remove(List.of(snapshot.id));
      throw e;
    }
    return snapshot.id;
  }

  private void create(Snapshot snapshot) throws IOException {
    Path directory = layers.resolve(snapshot.id);
    Linux.mkdir(directory, 0755);
    Linux.chmod(directory, 0755); // whatever the umask
    String parent = snapshot.parent();
    List<Path> lowers = parent == null ? List.of() : lowers(table.get(parent));
    if (!lowers.isEmpty()) {
      // the top layer's own directory is what the root of the mount looks like
      Path top = lowers.getFirst();
      LayerFiles.copyAttributes(top, Linux.lstat(top), directory);
    }
  }

  @Override
  public String prepareSmall() {
    if (!memory.isAvailable()) {
      return prepare(Optional.empty());
    }
    Snapshot snapshot = table.add(Kind.LAYER, List.of());
    try {
      FileFailures.run("prepare snapshot " + snapshot.id, () -> memory.create(snapshot.id));
    } catch (BuildException e) {
      remove(List.of(snapshot.id));
      throw e;
    }
    return snapshot.id;
  }

  @Override
  public void pin(String id) {
    Snapshot snapshot = table.get(id);
    byte[] packed = snapshot.packed;
    if (packed != null) {
      FileFailures.run("lay out snapshot " + id, () -> memory.pin(id, packed));
    } else if (!snapshot.committed) {
      memory.pinAgain(id);
    }
  }

  @Override
  public void unpin(String id) {
    memory.unpin(id);
  }

  @Override
  public Written keep(String id) {
    if (memory.path(id).isPresent()) {
      throw new IllegalStateException("snapshot " + id + " is in memory and cannot be kept");
    }
    return table.record(table.get(id));
  }

  @Override
  public Written commit(String id) {
    Snapshot snapshot = table.get(id);
    if (snapshot.committed) {
      throw new BuildException(
          Category.FAILED_PRECONDITION, "snapshot " + id + " is already committed");
    }
    if (memory.path(id).isPresent()) {
      FileFailures.run("commit snapshot " + id, () -> pack(snapshot));
    } else {
      removeWork(snapshot);
    }
    snapshot.committed = true;
    Written written = table.record(snapshot);
    memory.unpin(id);
    return written;
  }

  private void pack(Snapshot snapshot) throws IOException {
    Path at = memory.path(snapshot.id).orElseThrow();
    Optional<byte[]> packed = PackedTree.pack(at);
    if (packed.isPresent()) {
      snapshot.packed = packed.get();
    } else {
      onDisk(
          snapshot,
          target -> {
            Linux.mkdir(target, 0700);
            LayerFiles.apply(at, target);
          });
      memory.remove(snapshot.id);
    }
  }

  /** Work that makes a directory. */
  private interface Filling {
    void fill(Path target) throws IOException;
  }

  private void onDisk(Snapshot snapshot, Filling filling) throws IOException {
    Path target = temp.resolve(snapshot.id);
    FileTree.delete(target); // a try that failed half-way
    filling.fill(target);
    Linux.rename(target, layers.resolve(snapshot.id), 0);
  }

  /** The layer's directory on disk, made now if its files were only in its record. */
  private Path layer(String id) {
    Snapshot snapshot = table.get(id);
    if (snapshot.packed != null) {
      snapshot.layout.lock();
      try {
        byte[] packed = snapshot.packed;
        if (packed != null) {
          FileFailures.run(
              "lay out snapshot " + id,
              () -> onDisk(snapshot, target -> PackedTree.unpack(packed, target)));
          snapshot.packed = null;
          table.record(snapshot);
        }
      } finally {
        snapshot.layout.unlock();
      }
    }
    return layers.resolve(id);
  }

  /** As overlayfs mostly leaves it: with an empty directory {@code work} in it. */
  private static boolean removedEmpty(Path directory) {
    try {
      Linux.rmdir(directory.resolve("work"));
      Linux.rmdir(directory);
      return true;
    } catch (LinuxException e) {
      return false;
    }
  }

  private void removeWork(Snapshot snapshot) {
    if (snapshot.parents.isEmpty()) {
      return;
    }
    FileFailures.run(
        "remove work directory of snapshot " + snapshot.id,
        () -> {
          Path directory = work.resolve(snapshot.id);
          if (Linux.exists(directory) && !removedEmpty(directory)) {
            FileTree.delete(directory);
          }
        });
  }

  @Override
  public String merge(List<String> ids) {
    List<String> all = new ArrayList<>();
    for (String id : ids.reversed()) {
      all.addAll(layersOf(table.get(id)));
    }
    return stack(all);
  }

  private String stack(List<String> ids) {
    ids.forEach(id -> tidy(table.get(id)));
    Snapshot snapshot = table.add(Kind.STACK, ids);
    snapshot.committed = true;
    return snapshot.id;
  }

  /** Makes sure that there is a form of the layer that may lie over others than it was made on. */
  private void tidy(Snapshot layer) {
    if (layer.tidy || layer.kind != Kind.LAYER || layer.parents.isEmpty()) {
      return;
    }
    layer.layout.lock();
    try {
      Path plain = plains.resolve(layer.id);
      List<Path> below = lowers(table.get(layer.parents.getFirst()));
      FileFailures.run(
          "read layer " + layer.id,
          () -> {
            Path own = layers.resolve(layer.id);
            if (!Linux.exists(plain) && !LayerFiles.isPlain(own, below)) {
              List<Path> all = new ArrayList<>(below);
              all.addFirst(own);
              Path target = Files.createTempDirectory(temp, "plain");
              LayerFiles.diff(below, all, target);
              Linux.rename(target, plain, 0);
            }
          });
      layer.tidy = true;
    } finally {
      layer.layout.unlock();
    }
  }

  /** The form of a layer that may lie over others. */
  private Path plain(String id) {
    Path plain = plains.resolve(id);
    return Files.isDirectory(plain) ? plain : layer(id);
  }

  @Override
  public String diff(Optional<String> lower, Optional<String> upper) {
    List<String> below = lower.map(id -> layersOf(table.get(id))).orElse(List.of());
    List<String> above = upper.map(id -> layersOf(table.get(id))).orElse(List.of());
    int more = above.size() - below.size();
    if (more >= 0 && above.subList(more, above.size()).equals(below)) {
      return stack(above.subList(0, more));
    }
    Snapshot snapshot = table.add(Kind.CHANGES, List.of());
    FileFailures.run(
        "difference of snapshots " + lower + " and " + upper,
        () -> {
          Path directory = layers.resolve(snapshot.id);
          Linux.mkdir(directory, 0755);
          LayerFiles.diff(
              lower.map(id -> lowers(table.get(id))).orElse(List.of()),
              upper.map(id -> lowers(table.get(id))).orElse(List.of()),
              directory);
        });
    snapshot.committed = true;
    return snapshot.id;
  }

  /** The layers that make up a committed snapshot, topmost first. */
  private List<String> layersOf(Snapshot snapshot) {
    List<String> out = new ArrayList<>();
    Snapshot at = snapshot;
    while (at != null) {
      if (at.kind == Kind.STACK) {
        out.addAll(at.parents);
        break;
      }
      out.add(at.id);
      String parent = at.parent();
      at = parent == null ? null : table.get(parent);
    }
    return out;
  }

  /**
   * One directory of the mount.
   *
   * @param cut whether the chain can be cut below it
   */
  private record Entry(Path path, int weight, boolean cut, @Nullable String next) {}

  private List<Entry> entries(Snapshot snapshot) {
    List<Entry> out = new ArrayList<>();
    String id = snapshot.id;
    while (id != null) {
      Snapshot at = table.get(id);
      Flat flat = at.flat;
      if (flat != null) {
        id = flat.next();
        out.add(new Entry(flats.resolve(at.id), flat.weight(), true, id));
      } else if (at.kind == Kind.STACK) {
        // a layer that comes again is hidden by its upper self
        List<String> shown = List.copyOf(new LinkedHashSet<>(at.parents));
        for (String layer : shown) {
          out.add(new Entry(plain(layer), 1, layer.equals(shown.getLast()), null));
        }
        id = null;
      } else {
        id = at.parent();
        out.add(new Entry(layer(at.id), 1, true, id));
      }
    }
    return out;
  }

  private List<Path> lowers(Snapshot snapshot) {
    return entries(snapshot).stream().map(Entry::path).toList();
  }

  /** Sees to it that the snapshot can be mounted and built upon. */
  private void shorten(Snapshot snapshot) {
    if (entries(snapshot).size() < MAX_LAYERS) {
      return;
    }
    snapshot.layout.lock();
    try {
      List<Entry> entries = entries(snapshot);
      if (entries.size() < MAX_LAYERS) {
        return; // someone else did it
      }
      int count = 0;
      while (count < entries.size() && entries.get(count).weight == 1) {
        count++;
      }
      if (count < ENOUGH_TO_FLATTEN || !entries.get(count - 1).cut) {
        count = entries.size();
      }
      List<Entry> merged = entries.subList(0, count);
      FileFailures.run(
          "shorten the chain of snapshot " + snapshot.id,
          () -> {
            Path target = Files.createTempDirectory(temp, "flat");
            LayerFiles.merge(merged.stream().map(Entry::path).toList(), target);
            Linux.rename(target, flats.resolve(snapshot.id), 0);
          });
      table.recordFlat(
          snapshot, new Flat(merged.getLast().next, merged.stream().mapToInt(Entry::weight).sum()));
    } finally {
      snapshot.layout.unlock();
    }
  }

  @Override
  public List<Mount> mounts(String id) {
    Snapshot snapshot = table.get(id);
    String parent = snapshot.parent();
    if (snapshot.committed || parent == null) {
      return snapshot.committed
          ? view(id)
          : List.of(Mount.bind(memory.path(id).orElse(layers.resolve(id)), false));
    }
    Path scratch = work.resolve(id);
    FileFailures.run(
        "make work directory of snapshot " + id,
        () -> {
          if (!Linux.exists(scratch)) {
            Linux.mkdir(scratch, 0700);
          }
        });
    List<String> options = new ArrayList<>(kernelOptions);
    options.add("workdir=" + scratch);
    options.add("upperdir=" + layers.resolve(id));
    options.add("lowerdir=" + joined(lowersOrEmpty(table.get(parent))));
    return List.of(new Mount("overlay", "overlay", options));
  }

  @Override
  public List<Mount> view(String id) {
    Snapshot snapshot = table.get(id);
    if (!snapshot.committed) {
      return mounts(id).stream().map(Mount::readOnly).toList();
    }
    if (snapshot.kind == Kind.LAYER && snapshot.parents.isEmpty()) {
      return List.of(Mount.bind(memory.path(id).orElseGet(() -> layer(id)), true));
    }
    shorten(snapshot);
    List<Path> lowers = new ArrayList<>(lowers(snapshot));
    if (lowers.isEmpty()) {
      return List.of(Mount.bind(empty, true));
    }
    if (lowers.size() == 1) {
      lowers.add(empty); // changes alone: their whiteouts must not be seen
    }
    List<String> options = new ArrayList<>(kernelOptions);
    options.addFirst("ro");
    options.add("lowerdir=" + joined(lowers));
    return List.of(new Mount("overlay", "overlay", options));
  }

  private List<Path> lowersOrEmpty(Snapshot snapshot) {
    List<Path> out = lowers(snapshot);
    return out.isEmpty() ? List.of(empty) : out;
  }

  private static String joined(List<Path> paths) {
    return String.join(":", paths.stream().map(Path::toString).toList());
  }

  @Override
  public LayerView layer(String id, Optional<String> below) {
    if (table.get(id).kind == Kind.STACK) {
      throw new IllegalArgumentException("snapshot " + id + " has no layer of its own");
    }
    return new LayerView(
        memory.path(id).orElseGet(() -> layer(id)),
        false,
        below.map(b -> lowers(table.get(b))).orElse(List.of()));
  }

  @Override
  public List<String> parents(String id) {
    return table.get(id).parents;
  }

  @Override
  public Usage usage(String id) {
    Snapshot snapshot = table.get(id);
    return FileFailures.wrap(
        "measure snapshot " + id,
        () -> {
          byte[] packed = snapshot.packed;
          if (packed != null) {
            return new Usage(packed.length, 0);
          }
          Usage own =
              snapshot.kind == Kind.STACK
                  ? Usage.NONE
                  : LayerFiles.usage(layers.resolve(id), snapshot.kind == Kind.CHANGES);
          return snapshot.flat == null ? own : own.plus(LayerFiles.usage(flats.resolve(id), true));
        });
  }

  @Override
  public boolean contains(String id) {
    return table.contains(id);
  }

  @Override
  public Set<String> ids() {
    return table.ids();
  }

  @Override
  public void remove(List<String> ids) {
    table.remove(ids, this::discard);
  }

  private void discard(Snapshot snapshot) throws IOException {
    String id = snapshot.id;
    memory.remove(id);
    if (snapshot.kind != Kind.STACK && snapshot.packed == null) {
      discard(layers.resolve(id));
    }
    if (snapshot.flat != null) {
      discard(flats.resolve(id));
    }
    discard(plains.resolve(id));
    if (!snapshot.committed && !snapshot.parents.isEmpty()) {
      discard(work.resolve(id));
    }
  }

  private void discard(Path path) throws LinuxException, IOException {
    if (Linux.exists(path)) {
      trash.add(path);
    }
  }

  @Override
  public void awaitRemovals() {
    Cleanup.run("remove snapshots", () -> table.removeUndeleted(this::discard));
    trash.await();
  }

  @Override
  public void close() {
    trash.close();
    memory.close();
  }
}
