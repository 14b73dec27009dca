package dev.buildd.frontend.dockerfile.context;

import dev.buildd.base.io.BlockInput;
import dev.buildd.gateway.Reference;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.Objects;

/** A file of any size, read in pieces, for whole files are given up to 16 MiB only. */
final class FileInput extends BlockInput {
  private static final int PIECE = 8 << 20;

  private final Reference files;
  private final String path;
  private final long size;
  private byte[] piece = new byte[0];
  private long pieceEnd;
  private int at;

  FileInput(Reference files, String path) throws InterruptedException {
    this.files = files;
    this.path = path;
    this.size = files.statFile(path).size();
  }

  @Override
  public int read(byte[] to, int from, int length) throws IOException {
    Objects.checkFromIndexSize(from, length, to.length);
    if (length == 0) {
      return 0;
    }
    if (!more()) {
      return -1;
    }
    int count = Math.min(length, piece.length - at);
    System.arraycopy(piece, at, to, from, count);
    at += count;
    return count;
  }

  private boolean more() throws IOException {
    if (at < piece.length) {
      return true;
    }
    if (pieceEnd >= size) {
      return false;
    }
    try {
      piece = size <= PIECE ? files.readFile(path) : files.readFile(path, pieceEnd, PIECE);
    } catch (InterruptedException e) {
      throw (IOException)
          new InterruptedIOException("reading " + path + " was cancelled").initCause(e);
    }
    at = 0;
    pieceEnd = piece.length == 0 ? size : pieceEnd + piece.length;
    return piece.length > 0;
  }
}
