package dev.buildd.base.linux;

import java.io.IOException;

/** What was to be read or written is a device, a FIFO, a socket, a link or a directory. */
public final class NotRegularFileException extends IOException {
  private static final long serialVersionUID = 1L;

  /**
   * @param file as the user is to be told of it
   */
  NotRegularFileException(String file) {
    super(file + ": not a regular file");
  }
}
