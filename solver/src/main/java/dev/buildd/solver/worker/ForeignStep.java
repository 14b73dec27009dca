package dev.buildd.solver.worker;

import dev.buildd.base.content.Platform;
import dev.buildd.solver.executor.ExitException;
import dev.buildd.solver.graph.CacheMap;
import dev.buildd.solver.graph.Op;
import dev.buildd.solver.graph.OpContext;
import dev.buildd.solver.graph.SharedResult;
import dev.buildd.solver.ops.StepException;
import java.util.List;

/**
 * A step that fails on a machine that does not run its platform's programs says so, and what helps.
 * It is tried all the same: the step's program may be one of the machine's own platform.
 */
record ForeignStep(Op step, Platform platform, MachinePlatforms machine) implements Op {
  @Override
  public CacheMap cacheMap(OpContext context, int index) throws Exception {
    return step.cacheMap(context, index);
  }

  @Override
  public List<SharedResult> exec(OpContext context, List<SharedResult> inputs) throws Exception {
    try {
      return step.exec(context, inputs);
    } catch (StepException e) {
      if (!(e.getCause() instanceof ExitException exit) || isRunHere()) {
        throw e;
      }
      ExitException hinted = new ExitException(exit.code(), exit.getMessage() + hint());
      hinted.initCause(exit);
      throw e.because(hinted);
    }
  }

  private boolean isRunHere() throws InterruptedException {
    if (isKnown()) {
      return true;
    }
    machine.refresh();
    return isKnown();
  }

  private boolean isKnown() {
    return machine.known().stream().anyMatch(known -> known.runs(platform));
  }

  private String hint() {
    return " (this machine runs no "
        + platform.format()
        + " programs: register an emulator with binfmt_misc, such as Debian's qemu-user-static or "
        + "`docker run --privileged --rm tonistiigi/binfmt --install "
        + platform.architecture()
        + "`)";
  }

  @Override
  public boolean usesInputs() {
    return step.usesInputs();
  }

  @Override
  public boolean takesPermit() {
    return step.takesPermit();
  }
}
