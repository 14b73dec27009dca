package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.frontend.dockerfile.instruction.Instruction;
import dev.buildd.frontend.dockerfile.source.Location;
import java.util.List;

/**
 * An instruction in a stage.
 *
 * @param sources the stages that it takes files of: of COPY at most one, of RUN one for each mount
 * @param trigger whether the base asks for it
 */
record Step(Instruction instruction, List<BuildStage> sources, boolean trigger) {
  Step {
    sources = List.copyOf(sources);
  }

  Location location() {
    return instruction.origin().location();
  }
}
