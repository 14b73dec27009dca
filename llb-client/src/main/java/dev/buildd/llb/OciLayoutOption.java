package dev.buildd.llb;

/** Something that can be said of an image in an OCI layout as a source. */
@FunctionalInterface
public interface OciLayoutOption {
  void applyTo(SourceSpec.OciLayout layout);
}
