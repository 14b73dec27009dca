package dev.buildd.solver.exporter;

import dev.buildd.base.concurrent.Scope;
import dev.buildd.session.Session;
import dev.buildd.session.filesync.FileSend;
import dev.buildd.session.filesync.source.CompositeSource;
import dev.buildd.session.filesync.source.FsSource;
import dev.buildd.solver.graph.VertexProgress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;

/** Sends files into a directory of the client's. */
public final class LocalExporter implements Exporter {
  public static final Duration PATIENCE = Duration.ofSeconds(5);

  @Override
  public String type() {
    return "local";
  }

  @Override
  public Instance resolve(int index, Map<String, String> attributes) {
    return new Export(index, FilesOptions.of(attributes));
  }

  private record Export(int index, FilesOptions given) implements Instance {
    @Override
    public String name() {
      return "exporting to client directory";
    }

    @Override
    public boolean usesFiles() {
      return true;
    }

    @Override
    public Map<String, String> export(ExportSource source, Context context) throws Exception {
      FilesOptions options = given.withEpochOf(source);
      Session client = context.sessions().await(context.session(), PATIENCE);
      List<String> platforms = source.platformIds();
      boolean split = options.splits(source.isMap());
      Map<String, ResultTree> trees = new LinkedHashMap<>();
      try {
        for (String id : platforms) {
          trees.put(id, new ResultTree(source.find(id), options));
        }
        if (options.delete()) { // in one go, or the second platform would remove the first
          send(client, "copying files", whole(trees, split, options), true, context.progress());
          return Map.of();
        }
        if (!split && trees.size() > 1) {
          new MergedSource(trees); // refuses files that two platforms have
        }
        List<Callable<Boolean>> sends = new ArrayList<>();
        trees.forEach((id, tree) ->
            sends.add(() -> {
              FsSource files = split ? inDirectory(id, tree, options) : tree;
              send(
                  client,
                  split ? "copying files " + id : "copying files",
                  files,
                  false,
                  context.progress());
              return true;
            }));
        Scope.all("export files", sends);
        return Map.of();
      } finally {
        trees.values().forEach(ResultTree::close);
      }
    }

    private void send(
        Session client, String label, FsSource files, boolean delete, VertexProgress progress)
        throws Exception {
      try (VertexProgress.Part part = progress.part(label)) {
        FileSend.sendDirectory(
            client, index, delete, files, (bytes, done) -> part.update("transferring", bytes, 0));
      }
    }
  }

  static FsSource inDirectory(String platform, FsSource files, FilesOptions options) {
    return new CompositeSource(Map.of(platform.replace('/', '_'), files), options.directoryTime());
  }

  /** All trees as one. */
  static FsSource whole(Map<String, ResultTree> trees, boolean split, FilesOptions options)
      throws Exception {
    if (!split) {
      return trees.size() == 1 ? trees.values().iterator().next() : new MergedSource(trees);
    }
    Map<String, FsSource> parts = new LinkedHashMap<>();
    trees.forEach((id, tree) -> parts.put(id.replace('/', '_'), tree));
    return new CompositeSource(parts, options.directoryTime());
  }
}
