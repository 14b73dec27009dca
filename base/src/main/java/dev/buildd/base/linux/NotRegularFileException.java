package dev.buildd.base.linux;

import java.io.IOException;

/** What was to be read or written is a device, a FIFO, a socket, a link or a directory. */
public final class NotRegularFileException extends IOException {
  private static final long serialVersionUID = 1L;

  private final boolean isSocket;

  /**
   * @param file as the user is to be told of it
   */
  NotRegularFileException(String file, Stat stat) {
    super(file + ": not a regular file");
    this.isSocket = stat.type() == Stat.S_IFSOCK;
  }

  /** Whether it is a socket, which some take for an empty file. */
  public boolean isSocket() {
    return isSocket;
  }
}
