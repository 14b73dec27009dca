package dev.buildd.session.filesync.source;

import java.util.List;

/**
 * Which of a client's files are wanted.
 *
 * @param dirName the name under which the client offers a directory
 * @param followPaths paths whose symlinks are followed and whose targets come too
 */
public record FileSyncRequest(
    String dirName,
    List<String> includePatterns,
    List<String> excludePatterns,
    List<String> followPaths) {
  public FileSyncRequest {
    includePatterns = List.copyOf(includePatterns);
    excludePatterns = List.copyOf(excludePatterns);
    followPaths = List.copyOf(followPaths);
  }

  /** All files of a directory. */
  public static FileSyncRequest all(String dirName) {
    return new FileSyncRequest(dirName, List.of(), List.of(), List.of());
  }
}
