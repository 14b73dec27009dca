package dev.buildd.frontend.dockerfile.instruction;

import dev.buildd.frontend.dockerfile.expand.Words;

/** The working directory of what follows. */
public record Workdir(Origin origin, String path) implements Instruction {
  @Override
  public Workdir expanded(Words words) {
    return new Workdir(origin, words.word(path));
  }
}
