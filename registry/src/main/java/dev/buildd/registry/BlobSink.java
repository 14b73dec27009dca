package dev.buildd.registry;

import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.linux.FileFailures;
import java.io.OutputStream;
import java.util.function.LongConsumer;

/** Where a blob's bytes go, in order. Belongs to one thread. */
final class BlobSink {
  private final Digest blob;
  private final OutputStream to;
  private final LongConsumer listener;
  private long offset;

  /**
   * @param listener told the bytes written so far
   */
  BlobSink(Digest blob, OutputStream to, LongConsumer listener) {
    this.blob = blob;
    this.to = to;
    this.listener = listener;
  }

  /** The number of bytes written. */
  long offset() {
    return offset;
  }

  /**
   * Takes the next bytes.
   *
   * @throws BuildException if they have no place here, which no other connection mends
   */
  void write(byte[] from, int at, int length) {
    FileFailures.run("write blob " + blob, () -> to.write(from, at, length));
    offset += length;
    listener.accept(offset);
  }
}
