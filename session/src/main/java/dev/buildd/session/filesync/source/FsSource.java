package dev.buildd.session.filesync.source;

import java.io.IOException;
import java.io.InputStream;

/** A tree of files to be sent. */
public interface FsSource {
  /** What a walk does with each entry. */
  @FunctionalInterface
  interface Visitor {
    /** Returns whether to go into the entry if it is a directory. */
    boolean visit(FileStat stat) throws IOException, InterruptedException;
  }

  /**
   * Visits every entry but the root, in the order of {@code GoPath.compare}: parents before their
   * children, names by their bytes.
   */
  void walk(Visitor visitor) throws IOException, InterruptedException;

  /** The content of a regular file that a walk has told of. */
  InputStream open(String path) throws IOException;
}
