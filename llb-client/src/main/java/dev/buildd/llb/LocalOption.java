package dev.buildd.llb;

/** Something that can be said of a client's directory as a source. */
@FunctionalInterface
public interface LocalOption {
  void applyTo(SourceSpec.Local local);
}
