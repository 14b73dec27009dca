package dev.buildd.frontend.dockerfile.instruction;

import dev.buildd.frontend.dockerfile.expand.Words;
import java.util.List;

/**
 * Ports that containers of the image listen on.
 *
 * @param ports as written and sorted; {@link Port} reads them
 */
public record Expose(Origin origin, List<String> ports) implements Instruction {
  public Expose {
    ports = List.copyOf(ports);
  }

  @Override
  public Expose expanded(Words words) {
    return new Expose(origin, ports.stream().flatMap(port -> words.words(port).stream()).toList());
  }
}
