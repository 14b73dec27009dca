package dev.buildd.snapshot.layer;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.linux.FileNames;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.Stat;
import dev.buildd.base.linux.TreeFiles;
import dev.buildd.snapshot.LayerFiles;
import dev.buildd.snapshot.LocalSnapshotter;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Writes what one layer changes of those below it as an archive (OCI image-spec, layer), byte for
 * byte as BuildKit does, so that equal trees have equal diff ids: changed files in the order of
 * their paths, each after the directories it is in; removed ones as empty files {@code .wh.NAME};
 * times in whole seconds; of the extended attributes only {@code security.capability}.
 *
 * <p>Used by one thread.
 */
public final class LayerWriter {
  private static final String WHITEOUT = ".wh.";
  private static final String CAPABILITY = "security.capability";
  private static final long SECOND = 1_000_000_000L;

  /** The order of an archive's files. */
  private static final Comparator<String> BY_BYTES = FileNames::compare;

  private final TarWriter tar;
  private final Path root;
  private final Map<Long, String> firstNames = new HashMap<>();
  private final Set<String> directories = new HashSet<>();

  private LayerWriter(TarWriter tar, Path root) {
    this.tar = tar;
    this.root = root;
  }

  /**
   * Copies a layer's archive with all later times set to {@code latest}.
   *
   * @param latest nanoseconds since the epoch
   */
  public static void rewrite(InputStream archive, long latest, OutputStream out)
      throws IOException, InterruptedException {
    TarReader from = new TarReader(archive);
    try (TarWriter to = new TarWriter(out)) {
      for (Optional<TarEntry> next = from.next(); next.isPresent(); next = from.next()) {
        checkInterrupt();
        TarEntry entry = next.get();
        if (!entry.data().isEmpty()) {
          throw BuildException.invalid(
              "times of a layer with sparse files cannot be rewritten: " + entry.name());
        }
        to.add(entry.withLatest(latest), from::content);
      }
    }
  }

  /** Writes a layer's archive. Burns processor time. */
  public static void write(LocalSnapshotter.LayerView layer, OutputStream out)
      throws IOException, InterruptedException {
    try (TarWriter tar = new TarWriter(out)) {
      LayerWriter writer = new LayerWriter(tar, layer.directory());
      if (layer.whole()) {
        writer.compare("", layer.below());
      } else {
        writer.walk("", layer.below());
      }
    }
  }

  private static String child(String directory, String name) {
    return directory.isEmpty() ? name : directory + "/" + name;
  }

  /** Names in the order of their bytes, as the archive has them. */
  private static SortedMap<String, Path> sorted(Path directory) throws IOException {
    SortedMap<String, Path> out = new TreeMap<>(BY_BYTES);
    for (Path path : LayerFiles.list(directory)) {
      out.put(path.getFileName().toString(), path);
    }
    return out;
  }

  private static void checkInterrupt() throws InterruptedException {
    if (Thread.interrupted()) {
      throw new InterruptedException("writing a layer");
    }
  }

  /** All that a layer holds in a directory, given what is shown below it. */
  private void walk(String at, List<Path> below) throws IOException, InterruptedException {
    checkInterrupt();
    SortedMap<String, LayerFiles.Node> before = LayerFiles.scan(below);
    for (Map.Entry<String, Path> entry : sorted(root.resolve(at)).entrySet()) {
      String path = child(at, entry.getKey());
      Stat stat = Linux.lstat(entry.getValue());
      LayerFiles.Node old = before.get(entry.getKey());
      if (old != null && old.isWhiteout()) {
        old = null;
      }
      if (stat.isWhiteout()) {
        if (old != null) {
          removed(path);
        }
        continue;
      }
      if (old == null || !same(old.path(), old.stat(), entry.getValue(), stat)) {
        file(path, stat);
      }
      if (stat.isDirectory()) {
        List<Path> under = old == null ? List.of() : old.directories();
        if (old != null && LayerFiles.isOpaque(entry.getValue())) {
          compare(path, under);
        } else {
          walk(path, under);
        }
      }
    }
  }

  /** A directory that hides what is below: all that differs, in the order of both. */
  private void compare(String at, List<Path> below) throws IOException, InterruptedException {
    checkInterrupt();
    SortedMap<String, LayerFiles.Node> before = LayerFiles.scan(below);
    before.values().removeIf(LayerFiles.Node::isWhiteout);
    SortedMap<String, Path> after = sorted(root.resolve(at));
    Set<String> names = new TreeSet<>(BY_BYTES);
    names.addAll(before.keySet());
    names.addAll(after.keySet());
    for (String name : names) {
      String path = child(at, name);
      Path now = after.get(name);
      Stat stat = now == null ? null : Linux.lstat(now);
      LayerFiles.Node old = before.get(name);
      if (now == null || stat == null || stat.isWhiteout()) {
        if (old != null) {
          removed(path);
        }
        continue;
      }
      if (old == null || !same(old.path(), old.stat(), now, stat)) {
        file(path, stat);
      }
      if (stat.isDirectory()) {
        compare(path, old == null ? List.of() : old.directories());
      }
    }
  }

  private void removed(String path) throws IOException {
    int slash = path.lastIndexOf('/');
    String name = path.substring(0, slash + 1) + WHITEOUT + path.substring(slash + 1);
    parents(path);
    tar.add(
        new TarEntry(name, TarEntry.Type.FILE, "", 0, 0, 0, 0, 0, 0, 0, Map.of(), List.of()),
        InputStream::nullInputStream);
  }

  /** The directories that a file is in come before it, even where nothing in them has changed. */
  private void parents(String path) throws IOException {
    int slash = path.lastIndexOf('/');
    if (slash < 0) {
      return;
    }
    String parent = path.substring(0, slash);
    if (!directories.contains(parent)) {
      file(parent, Linux.lstat(root.resolve(parent)));
    }
  }

  private void file(String path, Stat stat) throws IOException {
    Path file = root.resolve(path);
    TarEntry.Type type =
        switch (stat.type()) {
          case Stat.S_IFDIR -> TarEntry.Type.DIRECTORY;
          case Stat.S_IFLNK -> TarEntry.Type.SYMLINK;
          case Stat.S_IFCHR -> TarEntry.Type.CHARACTER_DEVICE;
          case Stat.S_IFBLK -> TarEntry.Type.BLOCK_DEVICE;
          case Stat.S_IFIFO -> TarEntry.Type.FIFO;
          default -> TarEntry.Type.FILE;
        };
    if (stat.type() == Stat.S_IFSOCK) {
      return; // means nothing without the process that made it
    }
    parents(path);
    String link = type == TarEntry.Type.SYMLINK ? Linux.readlink(file) : "";
    if (type == TarEntry.Type.DIRECTORY) {
      directories.add(path);
    } else if (stat.nlink() > 1) {
      String first = firstNames.putIfAbsent(stat.ino(), path);
      if (first != null) {
        type = TarEntry.Type.HARD_LINK;
        link = first;
      }
    }
    byte[] capability = capability(file);
    tar.add(
        new TarEntry(
            path,
            type,
            link,
            stat.size(),
            stat.permissions(),
            stat.uid(),
            stat.gid(),
            Math.floorDiv(stat.mtimeNanos(), SECOND) * SECOND,
            stat.isDevice() ? stat.devMajor() : 0,
            stat.isDevice() ? stat.devMinor() : 0,
            capability == null ? Map.of() : Map.of(CAPABILITY, capability),
            List.of()),
        () -> TreeFiles.read(file));
  }

  private static byte @Nullable [] capability(Path file) throws IOException {
    byte[] value = Linux.getxattr(file, CAPABILITY);
    return value == null || value.length == 0 ? null : value;
  }

  /** Whether a file is to be taken for unchanged, although it was written again. */
  private static boolean same(Path oldPath, Stat old, Path newPath, Stat now) throws IOException {
    if (old.dev() == now.dev() && old.ino() == now.ino()) {
      return true;
    }
    if (old.mode() != now.mode()
        || old.uid() != now.uid()
        || old.gid() != now.gid()
        || old.rdev() != now.rdev()
        || !Arrays.equals(capability(oldPath), capability(newPath))) {
      return false;
    }
    if (now.isDirectory()) {
      return true;
    }
    if (old.size() != now.size() || old.mtimeNanos() != now.mtimeNanos()) {
      return false;
    }
    if (now.mtimeNanos() % SECOND != 0) {
      return true;
    }
    // a time in whole seconds may have been cut off, and proves nothing
    return now.isSymlink()
        ? Linux.readlink(oldPath).equals(Linux.readlink(newPath))
        : !now.isRegular() || TreeFiles.sameContent(oldPath, newPath);
  }
}
