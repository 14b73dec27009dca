package dev.buildd.frontend.dockerfile.instruction;

import dev.buildd.frontend.dockerfile.expand.Words;
import java.util.List;

/** Labels of the image. */
public record Label(Origin origin, List<KeyValue> pairs) implements Instruction {
  public Label {
    pairs = List.copyOf(pairs);
  }

  @Override
  public Label expanded(Words words) {
    return new Label(origin, pairs.stream().map(pair -> pair.expanded(words)).toList());
  }
}
