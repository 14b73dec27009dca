package dev.buildd.gateway;

import dev.buildd.session.filesync.source.FileStat;
import java.util.List;

/**
 * A container of a frontend's; it ends with the build at the latest. Its files can be looked at
 * before, while and after processes run in it, by the numbers of the request's mounts: each mount
 * on its own, the whole of it, whatever its selector. Paths are absolute; a link that leads out of
 * the mount is not followed.
 *
 * <p>Safe for use by many threads.
 */
public interface GatewayContainer extends AutoCloseable {
  /**
   * Starts a process. With the first one the container runs, and with its end all others end.
   *
   * @return the process; one that could not be run fails when it is waited for
   * @throws SolveException if what it needs cannot be had
   */
  GatewayProcess start(ProcessRequest request) throws InterruptedException;

  /** The whole of a regular file, of at most 16 MiB. */
  byte[] readFile(int mount, String path) throws InterruptedException;

  /** What is in a directory, by name. */
  List<FileStat> readDir(int mount, String path) throws InterruptedException;

  /**
   * What is told of a file, or of the link itself where that leads out: name, mode, size, time and
   * a link's target.
   */
  FileStat statFile(int mount, String path) throws InterruptedException;

  /** Kills what runs in it, and gives back what it held. */
  @Override
  void close();
}
