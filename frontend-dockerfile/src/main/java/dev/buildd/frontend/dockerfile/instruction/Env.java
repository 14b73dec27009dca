package dev.buildd.frontend.dockerfile.instruction;

import dev.buildd.frontend.dockerfile.expand.Words;
import java.util.List;

/** Variables of the build and of the image. */
public record Env(Origin origin, List<KeyValue> pairs) implements Instruction {
  public Env {
    pairs = List.copyOf(pairs);
  }

  @Override
  public Env expanded(Words words) {
    return new Env(origin, pairs.stream().map(pair -> pair.expanded(words)).toList());
  }
}
