package dev.buildd.frontend.dockerfile.instruction;

import dev.buildd.frontend.dockerfile.source.Location;
import java.util.List;
import java.util.Optional;

/**
 * How an instruction is written.
 *
 * @param keyword as it is written, in whatever case
 * @param text its joined line, trimmed, without documents
 * @param comments those before it, without what marks them; an indented one keeps its hash
 */
public record Origin(String keyword, String text, List<String> comments, Location location) {
  public Origin {
    comments = List.copyOf(comments);
  }

  /** The same written elsewhere: triggers stand at the FROM that pulls them. */
  public Origin at(Location other) {
    return new Origin(keyword, text, comments, other);
  }

  /**
   * What the comments say of a name: the rest of the first that starts with it (dockerfile.md
   * section 1.7).
   */
  public Optional<String> description(String name) {
    if (name.isEmpty()) {
      return Optional.empty();
    }
    return comments.stream()
        .filter(comment -> comment.startsWith(name + " "))
        .map(comment -> comment.substring(name.length() + 1))
        .findFirst();
  }
}
