package dev.buildd.solver.exporter;

import dev.buildd.session.Session;
import dev.buildd.session.filesync.FileSend;
import dev.buildd.session.filesync.FsSource;
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
          tar.add(stat, files);
          return true;
        });
      }
    }
  }
}
