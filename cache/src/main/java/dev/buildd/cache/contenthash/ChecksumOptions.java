package dev.buildd.cache.contenthash;

import java.util.List;

/**
 * What to look at below a path.
 *
 * @param followLinks whether the path's last component, if a link, is followed
 * @param wildcard whether the path is a pattern
 * @param includePatterns what to look at, relative to the path; all if empty
 * @param excludePatterns what not to look at
 * @param requiredPaths prefixes of which something must have been looked at, else {@code NOT_FOUND}
 */
public record ChecksumOptions(
    boolean followLinks,
    boolean wildcard,
    List<String> includePatterns,
    List<String> excludePatterns,
    List<String> requiredPaths) {
  public static final ChecksumOptions PLAIN =
      new ChecksumOptions(false, false, List.of(), List.of(), List.of());

  public ChecksumOptions {
    includePatterns = List.copyOf(includePatterns);
    excludePatterns = List.copyOf(excludePatterns);
    requiredPaths = List.copyOf(requiredPaths);
  }

  public ChecksumOptions withFollowLinks(boolean follow) {
    return new ChecksumOptions(follow, wildcard, includePatterns, excludePatterns, requiredPaths);
  }

  public ChecksumOptions withWildcard(boolean isPattern) {
    return new ChecksumOptions(
        followLinks, isPattern, includePatterns, excludePatterns, requiredPaths);
  }

  public ChecksumOptions withPatterns(List<String> include, List<String> exclude) {
    return new ChecksumOptions(followLinks, wildcard, include, exclude, requiredPaths);
  }

  public ChecksumOptions withRequiredPaths(List<String> paths) {
    return new ChecksumOptions(followLinks, wildcard, includePatterns, excludePatterns, paths);
  }

  boolean isPlain() {
    return !wildcard && includePatterns.isEmpty() && excludePatterns.isEmpty();
  }
}
