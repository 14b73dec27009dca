package dev.buildd.cache;

import java.nio.file.Path;

/** A ref's files at a path, until closed. */
public interface Mounted extends AutoCloseable {
  Path path();

  @Override
  void close();
}
