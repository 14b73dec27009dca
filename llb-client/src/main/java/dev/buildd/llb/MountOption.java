package dev.buildd.llb;

/** Something that can be said of a mount. */
@FunctionalInterface
public interface MountOption {
  void applyTo(ExecVertex.MountSpec mount);
}
