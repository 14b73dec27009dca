package dev.buildd.llb;

import java.util.List;
import java.util.Optional;

/** The root filesystem that a command leaves behind, and access to its other mounts. */
public final class ExecState extends State {
  private final ExecVertex exec;

  ExecState(State root, ExecVertex exec) {
    super(root.output(), root.settings());
    this.exec = exec;
  }

  /** The root filesystem alone. */
  public State root() {
    return withOutput(output());
  }

  /** Mounts another filesystem in the command; what the command leaves in it is the result. */
  public State addMount(String target, State source, MountOption... options) {
    return source.withOutput(exec.addMount(target, source.output(), List.of(options)));
  }

  /** What the command leaves in a mount. */
  public State mount(String target) {
    Optional<Output> output = exec.mountOutput(target);
    return output.map(State::of).orElseGet(State::scratch);
  }
}
