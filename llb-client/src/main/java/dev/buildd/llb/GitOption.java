package dev.buildd.llb;

/** Something that can be said of a git repository as a source. */
@FunctionalInterface
public interface GitOption {
  void applyTo(SourceSpec.Git git);
}
