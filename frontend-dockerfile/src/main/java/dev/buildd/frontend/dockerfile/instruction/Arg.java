package dev.buildd.frontend.dockerfile.instruction;

import java.util.List;
import java.util.Optional;

/** Variables that the build may set. */
public record Arg(Origin origin, List<Variable> variables) implements Instruction {
  /**
   * @param value the default as it is written, if there is one
   */
  public record Variable(String key, Optional<String> value) {}

  public Arg {
    variables = List.copyOf(variables);
  }
}
