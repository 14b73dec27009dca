package dev.buildd.llb;

/** A change of a state; given to a step it holds for that step alone. */
public interface StateOption extends RunOption {
  State applyTo(State state);

  @Override
  default void applyTo(RunSpec run) {
    run.state = applyTo(run.state);
  }
}
