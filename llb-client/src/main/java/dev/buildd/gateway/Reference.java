package dev.buildd.gateway;

import dev.buildd.llb.Definition;
import dev.buildd.session.filesync.FileStat;
import java.util.List;
import java.util.Optional;

/** A filesystem that was built, or is to be when it is looked at. */
public interface Reference {
  String id();

  /** How it is made, if that is known. */
  Optional<Definition> definition();

  byte[] readFile(String path) throws InterruptedException;

  /** A part of a file. */
  byte[] readFile(String path, long offset, long length) throws InterruptedException;

  /**
   * @param includePattern empty for all
   */
  List<FileStat> readDir(String path, String includePattern) throws InterruptedException;

  FileStat statFile(String path) throws InterruptedException;

  /** Builds it now. */
  void evaluate() throws InterruptedException;
}
