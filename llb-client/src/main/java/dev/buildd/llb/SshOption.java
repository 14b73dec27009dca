package dev.buildd.llb;

/** Something that can be said of a forwarded SSH agent. */
@FunctionalInterface
public interface SshOption {
  void applyTo(RunSpec.Ssh ssh);
}
