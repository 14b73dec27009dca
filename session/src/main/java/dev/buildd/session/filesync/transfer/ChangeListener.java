package dev.buildd.session.filesync.transfer;

import dev.buildd.session.filesync.source.FileStat;
import java.security.MessageDigest;

/**
 * Learns what a transfer changes in its destination, content hashes included, so that nothing need
 * be read again. Its methods are called one at a time, the last ones before the transfer returns.
 */
public interface ChangeListener {
  /** A hash fed with the file's metadata; the transfer feeds it the content of a regular file. */
  MessageDigest begin(String path, FileStat stat);

  /** The entry was made or changed. */
  void changed(String path, FileStat stat, byte[] digest);

  /** The entry, with all below it, was removed. */
  void removed(String path);
}
