package dev.buildd.llb;

/** Something that can be said of any step. */
public interface ConstraintsOption
    extends RunOption,
        ImageOption,
        GitOption,
        HttpOption,
        LocalOption,
        OciLayoutOption,
        BlobOption {
  void applyTo(Constraints constraints);

  @Override
  default void applyTo(RunSpec run) {
    applyTo(run.constraints);
  }

  @Override
  default void applyTo(SourceSpec.Image image) {
    applyTo(image.constraints);
  }

  @Override
  default void applyTo(SourceSpec.Git git) {
    applyTo(git.constraints);
  }

  @Override
  default void applyTo(SourceSpec.Http http) {
    applyTo(http.constraints);
  }

  @Override
  default void applyTo(SourceSpec.Local local) {
    applyTo(local.constraints);
  }

  @Override
  default void applyTo(SourceSpec.OciLayout layout) {
    applyTo(layout.constraints);
  }

  @Override
  default void applyTo(SourceSpec.Blob blob) {
    applyTo(blob.constraints);
  }
}
