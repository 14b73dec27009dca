package dev.buildd.frontend.dockerfile.instruction;

import java.util.List;

/**
 * A FROM and what follows it.
 *
 * @param name in lower case; empty if it has none
 * @param base the image or stage, as it is written
 * @param platform what {@code --platform} says, as it is written; empty if nothing
 */
public record Stage(
    Origin origin, String name, String base, String platform, List<Instruction> instructions) {
  public Stage {
    instructions = List.copyOf(instructions);
  }

  /** What the comments before it say; empty if nothing. */
  public String description() {
    return origin.description(name).orElse("");
  }
}
