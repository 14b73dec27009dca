package dev.buildd.session.filesync.source;

import dev.buildd.base.linux.FileNames;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.Stat;
import dev.buildd.base.pattern.GoPath;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Walks a directory in the order of transfers, one entry at a time. A directory is listed when the
 * walk goes on from it, so the caller may change it, or skip it, until then.
 */
public final class TreeWalk {
  private record Inode(long dev, long ino) {}

  private record Level(Path directory, String prefix, Iterator<String> names) {}

  private final Deque<Level> levels = new ArrayDeque<>();
  private final Map<Inode, String> linked = new HashMap<>();
  private @Nullable FileStat entered;
  private Path enteredAt;

  public TreeWalk(Path root) throws IOException {
    this.enteredAt = root;
    levels.push(new Level(root, "", names(root).iterator()));
  }

  /** The next entry, or null at the end. */
  public @Nullable FileStat next() throws IOException {
    FileStat parent = entered;
    entered = null;
    if (parent != null) {
      List<String> names;
      try {
        names = names(enteredAt);
      } catch (NoSuchFileException | NotDirectoryException e) {
        names = List.of(); // gone since it was told of
      }
      levels.push(new Level(enteredAt, parent.path() + "/", names.iterator()));
    }
    while (true) {
      Level level = levels.peek();
      if (level == null) {
        return null;
      }
      if (!level.names.hasNext()) {
        levels.pop();
        continue;
      }
      String name = level.names.next();
      Path file = level.directory.resolve(name);
      Stat stat = Linux.tryLstat(file);
      if (stat == null) {
        continue;
      }
      FileStat found;
      try {
        found = FileStat.read(file, level.prefix + name, stat);
      } catch (IOException e) {
        if (Linux.tryLstat(file) == null) {
          continue;
        }
        throw e;
      }
      if (stat.isDirectory()) {
        entered = found;
        enteredAt = file;
      } else if (stat.nlink() > 1 && !stat.isSymlink()) {
        String first = linked.putIfAbsent(new Inode(stat.dev(), stat.ino()), found.path());
        if (first != null) {
          return found.withLinkName(first);
        }
      }
      return found;
    }
  }

  /** Leaves out what is in the directory that was told of last. */
  public void skipChildren() {
    entered = null;
  }

  private static List<String> names(Path directory) throws IOException {
    List<String> names = new ArrayList<>();
    for (Path entry : FileNames.list(directory)) {
      names.add(String.valueOf(entry.getFileName()));
    }
    names.sort(GoPath::compare);
    return Collections.unmodifiableList(names);
  }
}
