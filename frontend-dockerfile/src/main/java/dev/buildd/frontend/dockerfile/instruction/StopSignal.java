package dev.buildd.frontend.dockerfile.instruction;

import dev.buildd.frontend.dockerfile.expand.Words;

/** The signal that ends containers of the image. */
public record StopSignal(Origin origin, String signal) implements Instruction {
  @Override
  public StopSignal expanded(Words words) {
    return new StopSignal(origin, words.word(signal));
  }
}
