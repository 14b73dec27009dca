package dev.buildd.frontend.dockerfile.instruction;

import dev.buildd.frontend.dockerfile.expand.Words;

/** One instruction of a stage, or an ARG before all stages (dockerfile.md section 3). */
public sealed interface Instruction
    permits Add,
        Arg,
        Cmd,
        Copy,
        Entrypoint,
        Env,
        Expose,
        Healthcheck,
        Label,
        Maintainer,
        OnBuild,
        Run,
        Shell,
        StopSignal,
        User,
        Volume,
        Workdir {
  Origin origin();

  /**
   * This with its variables expanded, as far as an instruction of its kind has them expanded
   * (dockerfile.md section 2.2). ARG has not: its values count only where nothing overrides them.
   *
   * @throws dev.buildd.frontend.dockerfile.source.DockerfileException without a place, if a text
   *     cannot be expanded or what it comes to is wrong
   */
  default Instruction expanded(Words words) {
    return this;
  }
}
