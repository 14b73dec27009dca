package dev.buildd.llb;

/** Something that can be said of an HTTP source. */
@FunctionalInterface
public interface HttpOption {
  void applyTo(SourceSpec.Http http);
}
