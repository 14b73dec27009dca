package dev.buildd.llb;

/** Something that can be said of a step that runs a command. */
@FunctionalInterface
public interface RunOption {
  void applyTo(RunSpec run);
}
