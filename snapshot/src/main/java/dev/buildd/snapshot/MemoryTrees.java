package dev.buildd.snapshot;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.linux.FileTree;
import dev.buildd.base.linux.Linux;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where the files of small snapshots stand while someone looks at them: directories of a tmpfs,
 * made from their packed form when first wanted. Those that nobody wants any more stay a while, the
 * last {@value #KEPT} of them. Nothing here outlives the process.
 *
 * <p>Safe for use by many threads.
 */
final class MemoryTrees implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(MemoryTrees.class);
  private static final int KEPT = 1000;

  private final Path root;

  /** Those that are pinned, and those that lately were. */
  private final Map<String, Tree> trees = new HashMap<>(); // guarded by this

  /** Those not pinned, the one longest so first. */
  private final Map<String, Tree> idle = new LinkedHashMap<>(); // guarded by this

  private long last; // guarded by this
  private boolean mounted; // guarded by this
  private boolean refused; // guarded by this

  private static final class Tree {
    final Path path;
    int pins; // guarded by the owner
    @Nullable IOException failure; // guarded by this tree
    boolean made; // guarded by this tree

    Tree(Path path) {
      this.path = path;
    }
  }

  /**
   * @param root an existing directory on which nothing is mounted; a tmpfs comes there with the
   *     first tree
   */
  MemoryTrees(Path root) {
    this.root = root;
  }

  /** Whether there can be any: the kernel lets us mount a tmpfs. */
  synchronized boolean isAvailable() {
    if (!mounted && !refused) {
      try {
        new Mount("tmpfs", "tmpfs", List.of("mode=0700", "nosuid", "nodev")).at(root);
        mounted = true;
      } catch (IOException e) {
        log.info("no tmpfs for small snapshots, they become files on disk: {}", e.getMessage());
        refused = true;
      }
    }
    return mounted;
  }

  /** Pins a new empty directory. */
  void create(String id) throws IOException {
    Tree tree = pinned(id);
    synchronized (tree) {
      Linux.mkdir(tree.path, 0755);
      Linux.chmod(tree.path, 0755); // whatever the umask
      tree.made = true;
    }
  }

  /** Keeps a tree's files in place until {@link #unpin}; makes them if they are not there. */
  void pin(String id, byte[] packed) throws IOException {
    if (!isAvailable()) {
      return;
    }
    Tree tree = pinned(id);
    synchronized (tree) {
      if (tree.failure != null) {
        throw tree.failure;
      }
      if (!tree.made) {
        try {
          PackedTree.unpack(packed, tree.path);
          tree.made = true;
        } catch (IOException e) {
          tree.failure = e;
          remove(id);
          throw e;
        }
      }
    }
  }

  private synchronized Tree pinned(String id) {
    // a name of its own, since one of the same snapshot may just be on its way out
    Tree tree = trees.computeIfAbsent(id, i -> new Tree(root.resolve(Long.toString(++last))));
    tree.pins++;
    idle.remove(id);
    return tree;
  }

  /** Pins once more what is pinned already. */
  synchronized boolean pinAgain(String id) {
    Tree tree = trees.get(id);
    if (tree == null || tree.pins == 0) {
      return false;
    }
    tree.pins++;
    return true;
  }

  /** Where the files of a pinned tree are. */
  synchronized Optional<Path> path(String id) {
    Tree tree = trees.get(id);
    return tree == null || tree.pins == 0 ? Optional.empty() : Optional.of(tree.path);
  }

  /** Gives one pin back; for what is not pinned, nothing happens. */
  void unpin(String id) {
    List<Path> outdated = new ArrayList<>();
    synchronized (this) {
      Tree tree = trees.get(id);
      if (tree == null || tree.pins == 0 || --tree.pins > 0) {
        return;
      }
      idle.put(id, tree);
      while (idle.size() > KEPT) {
        Iterator<Map.Entry<String, Tree>> eldest = idle.entrySet().iterator();
        Map.Entry<String, Tree> gone = eldest.next();
        outdated.add(gone.getValue().path);
        trees.remove(gone.getKey());
        eldest.remove();
      }
    }
    outdated.forEach(MemoryTrees::delete);
  }

  /** Removes a tree, pinned or not. */
  void remove(String id) {
    Tree tree;
    synchronized (this) {
      tree = trees.remove(id);
      idle.remove(id);
    }
    if (tree != null) {
      delete(tree.path);
    }
  }

  private static void delete(Path path) {
    Cleanup.run("delete " + path, () -> FileTree.delete(path));
  }

  @Override
  public synchronized void close() {
    if (mounted) {
      mounted = false;
      refused = true;
      Cleanup.run("unmount " + root, () -> Linux.umount(root, Linux.MNT_DETACH));
    }
  }
}
