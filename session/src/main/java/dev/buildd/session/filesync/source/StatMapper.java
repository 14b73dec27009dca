package dev.buildd.session.filesync.source;

import org.jspecify.annotations.Nullable;

/** Changes what is told of a file, or leaves the file out. */
@FunctionalInterface
public interface StatMapper {
  StatMapper IDENTITY = stat -> stat;

  /** Owned by root: what clients say of their build contexts. */
  StatMapper ROOT_OWNED = stat -> stat.withOwner(0, 0);

  /** The changed entry, or null to leave it out. */
  @Nullable FileStat map(FileStat stat);

  /** This mapper, then the other. */
  default StatMapper then(StatMapper next) {
    return stat -> {
      FileStat mapped = map(stat);
      return mapped == null ? null : next.map(mapped);
    };
  }
}
