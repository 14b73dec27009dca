package dev.buildd.frontend.dockerfile.instruction;

import dev.buildd.frontend.dockerfile.expand.Words;

/** The user of what follows. */
public record User(Origin origin, String user) implements Instruction {
  @Override
  public User expanded(Words words) {
    return new User(origin, words.word(user));
  }
}
