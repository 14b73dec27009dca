package dev.buildd.solver.ops;

import dev.buildd.cache.contenthash.ListedFile;
import dev.buildd.solver.graph.CacheMap;
import dev.buildd.solver.graph.SharedResult;

/** A digest of contents that knows which files it is of. */
public interface UsedFiles extends CacheMap.ContentDigest {
  /** Hands over the files that {@link #of} looked at; may block, an interrupt ends it. */
  void files(SharedResult input, ListedFile.Reader reader);
}
