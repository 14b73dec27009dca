package dev.buildd.cache.contenthash;

import java.nio.file.Path;

/** Files to be read at a path, until closed. */
public interface OpenTree extends AutoCloseable {
  Path path();

  @Override
  void close();
}
