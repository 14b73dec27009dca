package dev.buildd.gateway;

import dev.buildd.llb.Definition;
import dev.buildd.session.filesync.source.FileStat;
import java.util.List;
import java.util.Optional;

/**
 * A filesystem that was built, or is to be when it is looked at. Paths are those inside of it;
 * links are followed, and never lead out.
 */
public interface Reference {
  /** Names it while the build lasts. */
  String id();

  /** How it is made, if that is known. */
  Optional<Definition> definition();

  /** The whole of a regular file, of at most 16 MiB. */
  byte[] readFile(String path) throws InterruptedException;

  /**
   * A part of a regular file, shorter where the file ends.
   *
   * @param length zero for all that follows
   */
  byte[] readFile(String path, long offset, long length) throws InterruptedException;

  /**
   * What is in a directory, by name.
   *
   * @param includePattern for the names, as Go's {@code filepath.Match} knows them; empty for all
   */
  List<FileStat> readDir(String path, String includePattern) throws InterruptedException;

  /** What is told of a file; the path in it is the name alone. */
  FileStat statFile(String path) throws InterruptedException;

  /** Builds it now. */
  void evaluate() throws InterruptedException;
}
