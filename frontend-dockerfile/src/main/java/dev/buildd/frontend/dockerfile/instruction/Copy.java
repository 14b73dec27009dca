package dev.buildd.frontend.dockerfile.instruction;

import dev.buildd.frontend.dockerfile.expand.Words;
import java.util.List;

/**
 * Files of the context, of another stage or of an image.
 *
 * @param from the stage or image; empty if the files are the context's
 * @param owner what {@code --chown} says; empty if nothing
 * @param mode what {@code --chmod} says; empty if nothing
 */
public record Copy(
    Origin origin,
    Sources sources,
    String from,
    String owner,
    String mode,
    boolean link,
    boolean parents,
    List<String> excludes)
    implements Instruction {
  public Copy {
    excludes = List.copyOf(excludes);
  }

  @Override
  public Copy expanded(Words words) {
    String expandedOwner = words.word(owner);
    String expandedMode = words.word(mode);
    return new Copy(
        origin,
        sources.expanded(words),
        from,
        expandedOwner,
        expandedMode,
        link,
        parents,
        excludes);
  }
}
