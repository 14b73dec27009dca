package dev.buildd.solver.exporter;

import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.Mounted;
import dev.buildd.session.filesync.source.DirectorySource;
import dev.buildd.session.filesync.source.FsSource;
import dev.buildd.session.filesync.source.StatMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.NoSuchFileException;
import java.util.Optional;

/** A result's files, mounted until closed. */
final class ResultTree implements FsSource, AutoCloseable {
  private final Optional<Mounted> mounted;
  private final Optional<FsSource> files;

  ResultTree(Optional<ImmutableRef> ref, FilesOptions options) {
    mounted = ref.map(ImmutableRef::mount);
    StatMapper mapper =
        options
            .epochSeconds()
            .<StatMapper>map(seconds -> stat -> stat.withModTime(seconds * 1_000_000_000L))
            .orElse(StatMapper.IDENTITY);
    files = mounted.map(at -> new DirectorySource(at.path(), mapper));
  }

  @Override
  public void walk(Visitor visitor) throws IOException, InterruptedException {
    if (files.isPresent()) {
      files.get().walk(visitor);
    }
  }

  @Override
  public InputStream open(String path) throws IOException {
    if (files.isEmpty()) {
      throw new NoSuchFileException(path);
    }
    return files.get().open(path);
  }

  @Override
  public void close() {
    mounted.ifPresent(Mounted::close);
  }
}
