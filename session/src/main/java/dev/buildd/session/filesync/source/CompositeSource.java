package dev.buildd.session.filesync.source;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.pattern.GoPath;
import java.io.IOException;
import java.io.InputStream;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Several trees, each in a directory of its own: {@code linux_amd64/...}, {@code linux_arm64/...}.
 */
public final class CompositeSource implements FsSource {
  private record Part(FileStat directory, FsSource source) {}

  private final SortedMap<String, Part> parts = new TreeMap<>(GoPath::compare);

  /**
   * @param parts the trees by the names of their directories
   * @param modTime of those directories
   */
  public CompositeSource(Map<String, FsSource> parts, long modTime) {
    parts.forEach((name, source) -> {
      if (name.isEmpty() || name.indexOf('/') >= 0 || name.equals(".") || name.equals("..")) {
        throw BuildException.invalid("not a directory's name: " + name);
      }
      this.parts.put(name, new Part(FileStat.directory(name, 0755, modTime), source));
    });
  }

  @Override
  public void walk(Visitor visitor) throws IOException, InterruptedException {
    for (Part part : parts.values()) {
      if (!visitor.visit(part.directory)) {
        continue;
      }
      String prefix = part.directory.path() + "/";
      part.source.walk(stat -> {
        FileStat moved = stat.withPath(prefix + stat.path());
        return visitor.visit(
            stat.isHardlink() ? moved.withLinkName(prefix + stat.linkName()) : moved);
      });
    }
  }

  @Override
  public InputStream open(String path) throws IOException {
    int slash = path.indexOf('/');
    Part part = slash < 0 ? null : parts.get(path.substring(0, slash));
    if (part == null) {
      throw new java.nio.file.NoSuchFileException(path);
    }
    return part.source.open(path.substring(slash + 1));
  }
}
