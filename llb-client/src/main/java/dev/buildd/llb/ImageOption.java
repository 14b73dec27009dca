package dev.buildd.llb;

/** Something that can be said of an image as a source. */
@FunctionalInterface
public interface ImageOption {
  void applyTo(SourceSpec.Image image);
}
