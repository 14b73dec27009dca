package dev.buildd.llb;

/** Something that can be said of a single blob as a source. */
@FunctionalInterface
public interface BlobOption {
  void applyTo(SourceSpec.Blob blob);
}
