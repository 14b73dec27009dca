package dev.buildd.solver.exporter;

import dev.buildd.base.linux.GoFileMode;
import dev.buildd.base.linux.Stat;
import dev.buildd.session.Session;
import dev.buildd.session.filesync.FileSend;
import dev.buildd.session.filesync.source.FileStat;
import dev.buildd.session.filesync.source.FsSource;
import dev.buildd.snapshot.layer.TarEntry;
import dev.buildd.snapshot.layer.TarWriter;
import dev.buildd.solver.graph.VertexProgress;
import java.io.BufferedOutputStream;
import java.io.OutputStream;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Sends files as one archive. */
public final class TarExporter implements Exporter {
  private static final int CHUNK = 256 << 10;

  @Override
  public String type() {
    return "tar";
  }

  @Override
  public Instance resolve(int index, Map<String, String> attributes) {
    return new Export(index, FilesOptions.of(attributes));
  }

  private record Export(int index, FilesOptions given) implements Instance {
    @Override
    public String name() {
      return "exporting to client tarball";
    }

    @Override
    public boolean usesFiles() {
      return true;
    }

    @Override
    public Map<String, String> export(ExportSource source, Context context) throws Exception {
      FilesOptions options = given.withEpochOf(source);
      List<String> platforms = source.platformIds();
      Map<String, ResultTree> trees = new LinkedHashMap<>();
      try {
        for (String id : platforms) {
          trees.put(id, new ResultTree(source.find(id), options));
        }
        FsSource files = LocalExporter.whole(trees, source.isMap(), options);
        Session client = context.sessions().await(context.session(), LocalExporter.PATIENCE);
        VertexProgress.Part part = context.progress().part("sending tarball");
        try {
          FileSend.sendStream(client, index, Map.of(), out -> write(files, out));
        } finally {
          part.close();
        }
        return Map.of();
      } finally {
        trees.values().forEach(ResultTree::close);
      }
    }

    private static void write(FsSource files, OutputStream out) throws Exception {
      try (TarWriter tar = new TarWriter(new BufferedOutputStream(out, CHUNK))) {
        files.walk(stat -> {
          tar.add(entry(stat), () -> files.open(stat.path()));
          return true;
        });
      }
    }

    private static TarEntry entry(FileStat stat) {
      int mode = GoFileMode.toUnix(stat.mode());
      TarEntry.Type type =
          stat.isHardlink()
              ? TarEntry.Type.HARD_LINK
              : switch (mode & Stat.S_IFMT) {
                case Stat.S_IFLNK -> TarEntry.Type.SYMLINK;
                case Stat.S_IFCHR -> TarEntry.Type.CHARACTER_DEVICE;
                case Stat.S_IFBLK -> TarEntry.Type.BLOCK_DEVICE;
                case Stat.S_IFDIR -> TarEntry.Type.DIRECTORY;
                case Stat.S_IFIFO -> TarEntry.Type.FIFO;
                default -> TarEntry.Type.FILE;
              };
      return new TarEntry(
          stat.path(),
          type,
          stat.linkName(),
          stat.size(),
          mode & 07777,
          stat.uid(),
          stat.gid(),
          stat.modTime(),
          (int) stat.devMajor(),
          (int) stat.devMinor(),
          stat.xattrs(),
          List.of());
    }
  }
}
