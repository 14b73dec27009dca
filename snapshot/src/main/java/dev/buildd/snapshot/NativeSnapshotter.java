package dev.buildd.snapshot;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.FileFailures;
import dev.buildd.base.linux.FileTree;
import dev.buildd.base.linux.Linux;
import dev.buildd.snapshot.SnapshotTable.Kind;
import dev.buildd.snapshot.SnapshotTable.Snapshot;
import dev.buildd.snapshot.store.MetadataStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Snapshots as whole directories, copied from their parents: for filesystems that overlayfs cannot
 * use. {@code s/ID} shows the snapshot; {@code c/ID} holds, for what was merged from changes, the
 * changes themselves in overlayfs's form.
 */
public final class NativeSnapshotter implements LocalSnapshotter {
  /** What it keeps in its root. */
  static final List<String> DIRECTORIES = List.of("s", "c");

  private final Path whole;
  private final Path changes;
  private final SnapshotTable table;
  private final Trash trash;

  private NativeSnapshotter(Path root, MetadataStore store) throws IOException {
    Files.createDirectories(root);
    Path real = root.toRealPath();
    Mount.detachAllBelow(real);
    whole = Files.createDirectories(real.resolve(DIRECTORIES.getFirst()));
    changes = Files.createDirectories(real.resolve(DIRECTORIES.getLast()));
    trash = new Trash(real.resolve("trash"));
    for (String name : OverlaySnapshotter.DIRECTORIES) {
      Path left = real.resolve(name);
      if (Linux.exists(left)) {
        trash.add(left); // of another snapshotter, whose layers are of no use here
      }
    }
    table =
        new SnapshotTable(
            store,
            s -> Files.isDirectory(whole.resolve(s.id)),
            id -> false,
            SnapshotTable.numbers(List.of(whole, changes)));
    for (Path directory : List.of(whole, changes)) {
      for (Path path : LayerFiles.list(directory)) {
        if (!table.contains(path.getFileName().toString())) {
          trash.add(path);
        }
      }
    }
  }

  /** Whether the directory has been used by this snapshotter. */
  public static boolean isHere(Path root) {
    return Files.isDirectory(root.resolve(DIRECTORIES.getFirst()));
  }

  public static NativeSnapshotter open(Path root, MetadataStore store) {
    return FileFailures.wrap(
        "open native snapshots " + root, () -> new NativeSnapshotter(root, store));
  }

  @Override
  public String name() {
    return "native";
  }

  @Override
  public String prepare(Optional<String> parent) {
    Snapshot snapshot = table.add(Kind.LAYER, parent.map(List::of).orElse(List.of()));
    create(
        snapshot,
        directory -> {
          if (parent.isPresent()) {
            LayerFiles.apply(whole.resolve(parent.get()), directory);
          }
        });
    return snapshot.id;
  }

  private interface Filling {
    void fill(Path directory) throws IOException;
  }

  private void create(Snapshot snapshot, Filling filling) {
    Path directory = whole.resolve(snapshot.id);
    try {
      FileFailures.run(
          "prepare snapshot " + snapshot.id,
          () -> {
            Linux.mkdir(directory, 0755);
            Linux.chmod(directory, 0755);
            filling.fill(directory);
          });
    } catch (BuildException e) {
      remove(List.of(snapshot.id));
      throw e;
    }
  }

  @Override
  public Written keep(String id) {
    return table.record(table.get(id));
  }

  @Override
  public Written commit(String id) {
    Snapshot snapshot = table.get(id);
    if (snapshot.committed) {
      throw new BuildException(
          Category.FAILED_PRECONDITION, "snapshot " + id + " is already committed");
    }
    snapshot.committed = true;
    return table.record(snapshot);
  }

  @Override
  public String merge(List<String> ids) {
    List<String> steps = new ArrayList<>();
    for (String id : ids) {
      steps.addAll(chain(table.get(id)));
    }
    return stack(steps);
  }

  /** The steps from nothing to a snapshot, lowest first. */
  private List<String> chain(Snapshot snapshot) {
    List<String> out = new ArrayList<>();
    Snapshot at = snapshot;
    while (at.kind != Kind.STACK) {
      out.add(at.id);
      if (at.parents.isEmpty()) {
        return out.reversed();
      }
      at = table.get(at.parents.getFirst());
    }
    List<String> all = new ArrayList<>(at.parents);
    all.addAll(out.reversed());
    return all;
  }

  /** A snapshot made by applying each step's changes in turn. */
  private String stack(List<String> steps) {
    Snapshot snapshot = table.add(Kind.STACK, steps);
    create(
        snapshot,
        directory -> {
          for (String step : steps) {
            LayerFiles.apply(changesOf(table.get(step)), directory);
          }
        });
    snapshot.committed = true;
    return snapshot.id;
  }

  /** A directory with what the step changed; computed at its first use. */
  private Path changesOf(Snapshot step) throws IOException {
    if (step.kind == Kind.LAYER && step.parents.isEmpty()) {
      return whole.resolve(step.id);
    }
    Path directory = changes.resolve(step.id);
    step.layout.lock();
    try {
      if (!Linux.exists(directory)) {
        Path temp = changes.resolve(step.id + ".part");
        FileTree.delete(temp);
        Linux.mkdir(temp, 0755);
        LayerFiles.diff(
            List.of(whole.resolve(step.parents.getFirst())), List.of(whole.resolve(step.id)), temp);
        Linux.rename(temp, directory, 0);
      }
    } finally {
      step.layout.unlock();
    }
    return directory;
  }

  @Override
  public String diff(Optional<String> lower, Optional<String> upper) {
    List<String> below = lower.map(id -> chain(table.get(id))).orElse(List.of());
    List<String> above = upper.map(id -> chain(table.get(id))).orElse(List.of());
    if (above.size() >= below.size() && above.subList(0, below.size()).equals(below)) {
      return stack(above.subList(below.size(), above.size()));
    }
    Snapshot snapshot = table.add(Kind.CHANGES, List.of());
    create(
        snapshot,
        directory -> {
          Path marks = changes.resolve(snapshot.id);
          Linux.mkdir(marks, 0755);
          LayerFiles.diff(
              lower.map(id -> List.of(whole.resolve(id))).orElse(List.of()),
              upper.map(id -> List.of(whole.resolve(id))).orElse(List.of()),
              marks);
          LayerFiles.apply(marks, directory);
        });
    snapshot.committed = true;
    return snapshot.id;
  }

  @Override
  public List<Mount> mounts(String id) {
    return List.of(Mount.bind(whole.resolve(id), table.get(id).committed));
  }

  @Override
  public List<Mount> view(String id) {
    return List.of(Mount.bind(whole.resolve(table.get(id).id), true));
  }

  @Override
  public LayerView layer(String id, Optional<String> below) {
    return new LayerView(
        whole.resolve(table.get(id).id), true, below.stream().map(whole::resolve).toList());
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
          Usage own = LayerFiles.usage(whole.resolve(snapshot.id), false);
          Path extra = changes.resolve(id);
          return Linux.exists(extra) ? own.plus(LayerFiles.usage(extra, true)) : own;
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

  private void discard(SnapshotTable.Snapshot snapshot) throws IOException {
    for (Path path : List.of(whole.resolve(snapshot.id), changes.resolve(snapshot.id))) {
      if (Linux.tryLstat(path) != null) {
        trash.add(path);
      }
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
  }
}
