package dev.buildd.solver.source.image;

import dev.buildd.base.error.BuildException;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;

/** Refuses more than was announced. */
public final class Bounded extends FilterOutputStream {
  private long left;

  public Bounded(OutputStream to, long limit) {
    super(to);
    this.left = limit;
  }

  @Override
  public void write(int b) throws IOException {
    write(new byte[] {(byte) b}, 0, 1);
  }

  @Override
  public void write(byte[] from, int at, int length) throws IOException {
    left -= length;
    if (left < 0) {
      throw BuildException.invalid("blob is larger than its descriptor says");
    }
    out.write(from, at, length);
  }
}
