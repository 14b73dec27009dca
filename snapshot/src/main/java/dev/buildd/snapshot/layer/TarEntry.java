package dev.buildd.snapshot.layer;

import java.util.List;
import java.util.Map;

/**
 * What a tar archive tells of one file.
 *
 * @param name as written, without a trailing slash
 * @param size bytes of content as the file system shows them; of a sparse file, holes included
 * @param mode permission bits
 * @param mtimeNanos nanoseconds since the epoch
 * @param data the pieces of a sparse file that hold data, in order; empty if it is not sparse
 */
public record TarEntry(
    String name,
    Type type,
    String linkName,
    long size,
    int mode,
    int uid,
    int gid,
    long mtimeNanos,
    int devMajor,
    int devMinor,
    Map<String, byte[]> xattrs,
    List<Piece> data) {

  /** Kinds of files. */
  public enum Type {
    FILE,
    HARD_LINK,
    SYMLINK,
    CHARACTER_DEVICE,
    BLOCK_DEVICE,
    DIRECTORY,
    FIFO
  }

  /** Consecutive bytes of a sparse file. */
  public record Piece(long offset, long length) {}

  /** The same file with its time no later than this. */
  TarEntry withLatest(long latest) {
    return mtimeNanos <= latest
        ? this
        : new TarEntry(
            name, type, linkName, size, mode, uid, gid, latest, devMajor, devMinor, xattrs, data);
  }

  public TarEntry {
    xattrs = Map.copyOf(xattrs);
    data = List.copyOf(data);
  }
}
