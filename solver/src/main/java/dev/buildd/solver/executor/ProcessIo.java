package dev.buildd.solver.executor;

import java.io.InputStream;
import java.io.OutputStream;

/**
 * What a process reads and where it writes. Writes come from one thread for each stream.
 *
 * @param stdin read by one thread, which is interrupted when the process has ended: a read must
 *     then end; not closed
 * @param stderr gets nothing from a process with a terminal, which writes all to {@code stdout}
 * @param terminal whether the three are a terminal for the process
 */
public record ProcessIo(
    InputStream stdin, OutputStream stdout, OutputStream stderr, boolean terminal) {
  /** Where there is nothing to read. */
  public static final InputStream NO_INPUT = InputStream.nullInputStream();

  /** Of a process that reads nothing. */
  public ProcessIo(OutputStream stdout, OutputStream stderr) {
    this(NO_INPUT, stdout, stderr, false);
  }

  /** Whether there is anything to read, if only an end. */
  @SuppressWarnings("ReferenceEquality") // which stream it is, not what it holds
  public boolean hasInput() {
    return stdin != NO_INPUT;
  }
}
