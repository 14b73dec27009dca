package dev.buildd.solver.exporter;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.pattern.GoPath;
import dev.buildd.session.filesync.source.FileStat;
import dev.buildd.session.filesync.source.FsSource;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.NoSuchFileException;
import java.util.Map;
import java.util.TreeMap;

/** Several trees in one directory; two of them may share directories, but nothing else. */
final class MergedSource implements FsSource {
  private record Entry(FileStat stat, String platform, FsSource source) {}

  private final TreeMap<String, Entry> entries = new TreeMap<>(GoPath::compare);

  /**
   * @param sources the trees by the ids of their platforms
   */
  MergedSource(Map<String, ? extends FsSource> sources) throws IOException, InterruptedException {
    for (Map.Entry<String, ? extends FsSource> source : sources.entrySet()) {
      source
          .getValue()
          .walk(stat -> {
            add(stat, source.getKey(), source.getValue());
            return true;
          });
    }
  }

  private void add(FileStat stat, String platform, FsSource source) {
    Entry before = entries.put(stat.path(), new Entry(stat, platform, source));
    if (before != null && !(before.stat.isDirectory() && stat.isDirectory())) {
      throw BuildException.invalid(
          "cannot overwrite "
              + stat.path()
              + " from "
              + before.platform
              + " with "
              + platform
              + " when split option is disabled");
    }
  }

  @Override
  public void walk(Visitor visitor) throws IOException, InterruptedException {
    String skipped = "";
    for (Entry entry : entries.values()) {
      String path = entry.stat.path();
      if (!skipped.isEmpty() && path.startsWith(skipped)) {
        continue;
      }
      if (!visitor.visit(entry.stat) && entry.stat.isDirectory()) {
        skipped = path + "/";
      }
    }
  }

  @Override
  public InputStream open(String path) throws IOException {
    Entry entry = entries.get(path);
    if (entry == null) {
      throw new NoSuchFileException(path);
    }
    return entry.source.open(path);
  }
}
