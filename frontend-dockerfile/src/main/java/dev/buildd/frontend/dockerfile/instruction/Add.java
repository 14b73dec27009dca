package dev.buildd.frontend.dockerfile.instruction;

import dev.buildd.frontend.dockerfile.expand.Words;
import java.util.List;
import java.util.Optional;

/**
 * Files of the context, of URLs and of git repositories.
 *
 * @param owner what {@code --chown} says; empty if nothing
 * @param mode what {@code --chmod} says; empty if nothing
 */
public record Add(
    Origin origin,
    Sources sources,
    String owner,
    String mode,
    boolean link,
    Optional<Boolean> keepGitDirectory,
    String checksum,
    Optional<Boolean> unpack,
    List<String> excludes)
    implements Instruction {
  public Add {
    excludes = List.copyOf(excludes);
  }

  @Override
  public Add expanded(Words words) {
    String expandedOwner = words.word(owner);
    String expandedMode = words.word(mode);
    String expandedChecksum = words.word(checksum);
    return new Add(
        origin,
        sources.expanded(words),
        expandedOwner,
        expandedMode,
        link,
        keepGitDirectory,
        expandedChecksum,
        unpack,
        excludes);
  }
}
