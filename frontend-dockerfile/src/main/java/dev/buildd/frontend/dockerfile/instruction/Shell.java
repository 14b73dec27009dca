package dev.buildd.frontend.dockerfile.instruction;

import java.util.List;

/** The shell of commands that are no JSON arrays. */
public record Shell(Origin origin, List<String> words) implements Instruction {
  public Shell {
    words = List.copyOf(words);
  }
}
