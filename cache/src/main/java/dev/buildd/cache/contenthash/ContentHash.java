package dev.buildd.cache.contenthash;

import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.linux.FileFailures;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.Stat;
import dev.buildd.cache.contenthash.HashTree.Disk;
import dev.buildd.cache.contenthash.HashTree.Found;
import dev.buildd.cache.contenthash.HashTree.Work;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.concurrent.Callable;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The digests of one tree of files, remembered once computed. Symbolic links in paths are followed
 * inside the tree only.
 *
 * <p>Safe for use by many threads.
 */
public final class ContentHash {
  private static final int TASKS = Math.max(2, Runtime.getRuntime().availableProcessors());
  private static final int SHARED_ABOVE = 64; // files; fewer are hashed by one thread

  private final ReentrantLock lock = new ReentrantLock();
  private final HashTree tree; // guarded by lock

  private ContentHash(HashTree tree) {
    this.tree = tree;
  }

  /** Of files that are on disk. */
  public static ContentHash onDisk() {
    return new ContentHash(HashTree.onDisk());
  }

  /** Of files on disk that a client sent; of the root directory itself it sent nothing. */
  public static ContentHash receivedOnDisk() {
    return new ContentHash(HashTree.receivedOnDisk());
  }

  /** Of files that a client is about to send into an empty directory. */
  public static ContentHash received() {
    return new ContentHash(HashTree.received());
  }

  /** The digest of a path in a tree without files: only the root is there. */
  public static Digest ofNothing(String path) {
    if (path.equals("/")) {
      return Digest.of(new byte[0]);
    }
    throw BuildException.notFound(path + ": no such file or directory");
  }

  // --- changes received ---

  /**
   * A file was added or changed.
   *
   * @param type as in {@code st_mode}
   * @param link the target of a symbolic link
   * @param digest of a hash that {@link FileHash#begin} began
   * @param hardLink another path of the same file, received before, or empty
   */
  public void put(String path, int type, String link, Digest digest, String hardLink) {
    lock.lock();
    try {
      tree.put(path, type, link, digest, hardLink);
    } finally {
      lock.unlock();
    }
  }

  /** A file or a whole directory was removed. */
  public void remove(String path) {
    lock.lock();
    try {
      tree.remove(path);
    } finally {
      lock.unlock();
    }
  }

  // --- digests ---

  /** Mounts when something has to be read, and unmounts in the end. */
  private static final class LazyDisk implements Disk, AutoCloseable {
    private final Supplier<? extends OpenTree> mount;
    private volatile @Nullable OpenTree mounted;

    LazyDisk(Supplier<? extends OpenTree> mount) {
      this.mount = mount;
    }

    @Override
    public Path root() {
      OpenTree at = mounted;
      if (at == null) {
        synchronized (this) {
          at = mounted;
          if (at == null) {
            at = mount.get();
            mounted = at;
          }
        }
      }
      return at.path();
    }

    @Override
    public void close() {
      OpenTree at = mounted;
      if (at != null) {
        at.close();
      }
    }
  }

  /**
   * The digest of a path with all below it, or of what the options select.
   *
   * @param mount gives the files where something is not known yet
   */
  public Digest checksum(String path, ChecksumOptions options, Supplier<? extends OpenTree> mount) {
    return FileFailures.wrap(
        "checksum of \"" + path + "\"",
        () -> {
          lock.lockInterruptibly();
          try (LazyDisk disk = new LazyDisk(mount)) {
            tree.settle();
            return options.isPlain()
                ? whole(path, options.followLinks(), disk)
                : selected(path, options, disk);
          } finally {
            lock.unlock();
          }
        });
  }

  /**
   * Hands over the files whose digests {@link #checksum} has computed for the same path and
   * options. Directories count as what is in them.
   */
  public void files(
      String path,
      ChecksumOptions options,
      Supplier<? extends OpenTree> mount,
      ListedFile.Reader reader) {
    FileFailures.wrap(
        "list \"" + path + "\"",
        () -> {
          lock.lockInterruptibly();
          try (LazyDisk disk = new LazyDisk(mount)) {
            tree.settle();
            return reading(() -> {
              list(path, options, disk, reader);
              return true;
            });
          } finally {
            lock.unlock();
          }
        });
  }

  private void list(String path, ChecksumOptions options, Disk disk, ListedFile.Reader reader)
      throws IOException, InterruptedException {
    if (!options.isPlain()) {
      Selection selection = new Selection(tree, disk, path, options);
      selection.select();
      for (Selection.Entry entry : selection.entries()) {
        list(entry.node(), entry.real(), disk, reader);
      }
      return;
    }
    Found found = tree.resolve(HashTree.clean(path), options.followLinks(), disk);
    if (found.node() != null) {
      Deque<Map.Entry<String, HashTree.Node>> pending = new ArrayDeque<>();
      pending.push(Map.entry(found.path(), found.node()));
      while (!pending.isEmpty()) {
        Map.Entry<String, HashTree.Node> next = pending.pop();
        list(next.getValue(), next.getKey(), disk, reader);
        SortedMap<String, HashTree.Node> children = next.getValue().children;
        if (children != null) {
          children.forEach(
              (name, child) -> pending.push(Map.entry(next.getKey() + "/" + name, child)));
        }
      }
    }
  }

  private static void list(HashTree.Node node, String path, Disk disk, ListedFile.Reader reader)
      throws IOException, InterruptedException {
    Digest own = node.own;
    if (own != null) {
      Stat stat = Linux.lstat(HashTree.at(disk, path));
      reader.read(
          new ListedFile(
              path.isEmpty() ? "/" : path, stat.mode(), stat.uid(), stat.gid(), stat.size(), own));
    }
    if (Thread.interrupted()) {
      throw new InterruptedException("listing " + path);
    }
  }

  /** The digest that a file would have if its permissions and owner were others. */
  public static Digest digestAs(
      String path, int mode, int uid, int gid, Supplier<? extends OpenTree> mount) {
    return FileFailures.wrap(
        "checksum of \"" + path + "\"",
        () ->
            reading(() -> {
              try (LazyDisk disk = new LazyDisk(mount)) {
                Path file = HashTree.at(disk, path);
                return FileHash.of(file, Linux.lstat(file).with(mode, uid, gid));
              }
            }));
  }

  /** Without a code of its own, as BuildKit has it: clients show a code before the text. */
  static BuildException absent(String path) {
    return BuildException.unknown("\"" + path + "\": not found", null);
  }

  private Digest whole(String path, boolean followLast, Disk disk) throws Exception {
    List<Work> work = new ArrayList<>();
    Found found =
        reading(() -> {
          Found at = tree.resolve(HashTree.clean(path), followLast, disk);
          if (at.node() != null) {
            tree.collect(at.node(), at.path(), disk, work);
          }
          return at;
        });
    if (found.node() == null) {
      String shown = HashTree.clean(path);
      throw absent(shown.isEmpty() ? "/" : shown);
    }
    hash(work, disk);
    return HashTree.digest(found.node());
  }

  private Digest selected(String path, ChecksumOptions options, Disk disk) throws Exception {
    List<Work> work = new ArrayList<>();
    Selection selection = new Selection(tree, disk, path, options);
    reading(() -> {
      selection.select();
      selection.entries().stream()
          .filter(entry -> entry.node().own == null)
          .forEach(entry -> work.add(new Work(entry.node(), entry.real())));
      return true;
    });
    hash(work, disk);
    List<Selection.Entry> entries = selection.entries();
    List<Digest> digests = new ArrayList<>();
    for (Selection.Entry entry : entries) {
      if (entry.followed() && entry.node().isLink()) {
        digests.add(whole(entry.path(), true, disk));
      } else {
        Digest own = entry.node().own;
        digests.add(own == null ? Digest.of(new byte[0]) : own);
      }
    }
    return selection.digest(digests);
  }

  /** Reads directories off the virtual threads. */
  private static <T> T reading(Callable<T> body) throws Exception {
    return Threads.cpu().call(body);
  }

  private static void hash(List<Work> work, Disk disk) throws Exception {
    if (work.isEmpty()) {
      return;
    }
    if (disk instanceof LazyDisk lazy) {
      lazy.root(); // one thread mounts
    }
    int tasks = work.size() < SHARED_ABOVE ? 1 : TASKS;
    List<Callable<Boolean>> parts = new ArrayList<>();
    for (int i = 0; i < tasks; i++) {
      int first = i;
      parts.add(() ->
          Threads.cpu()
              .call(() -> {
                for (int at = first; at < work.size(); at += tasks) {
                  hashOne(work.get(at), disk);
                }
                return true;
              }));
    }
    Scope.all("hash files", parts);
  }

  private static void hashOne(Work work, Disk disk) throws IOException, InterruptedException {
    HashTree.hash(work, disk);
  }
}
