package dev.buildd.llb;

/** Something that can be said of a secret. */
@FunctionalInterface
public interface SecretOption {
  void applyTo(RunSpec.Secret secret);
}
