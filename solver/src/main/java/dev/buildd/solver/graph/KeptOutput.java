package dev.buildd.solver.graph;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.text.Ids;
import java.io.EOFException;
import java.io.IOException;
import java.lang.ref.Cleaner;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Output of a step that is too much to be told while it runs and too much for memory: a file
 * without a name, whose space is free once nobody knows it any more, or the daemon ends.
 *
 * <p>Safe for use by many threads; written by one at a time.
 */
public final class KeptOutput {
  private static final Cleaner CLEANER = Cleaner.create();

  private final FileChannel file;
  private long size; // guarded by this

  private KeptOutput(FileChannel file) {
    this.file = file;
  }

  /** An empty one, whose space is that of the directory's file system. */
  public static KeptOutput in(Path directory) throws IOException {
    FileChannel file =
        FileChannel.open(
            directory.resolve("output-" + Ids.random()),
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            StandardOpenOption.DELETE_ON_CLOSE); // which on Linux is at once
    KeptOutput out = new KeptOutput(file);
    CLEANER.register(out, () -> Cleanup.run("close the output of a step", file::close));
    return out;
  }

  /** Writes at the end; where that was. */
  public synchronized long append(byte[] data, int offset, int length) throws IOException {
    long at = size;
    ByteBuffer rest = ByteBuffer.wrap(data, offset, length);
    while (rest.hasRemaining()) {
      file.write(rest, at + length - rest.remaining());
    }
    size = at + length;
    return at;
  }

  /**
   * Reads what was written.
   *
   * @throws EOFException if so much was not written
   */
  public byte[] read(long offset, int length) throws IOException {
    ByteBuffer out = ByteBuffer.allocate(length);
    while (out.hasRemaining()) {
      if (file.read(out, offset + out.position()) < 0) {
        throw new EOFException("output of a step ends before " + (offset + length));
      }
    }
    return out.array();
  }
}
