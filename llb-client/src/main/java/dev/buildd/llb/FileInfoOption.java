package dev.buildd.llb;

/** Something that can be said of a source that is one file. */
public interface FileInfoOption extends HttpOption, BlobOption {
  void applyTo(SourceSpec.FileInfo file);

  @Override
  default void applyTo(SourceSpec.Http http) {
    applyTo(http.file);
  }

  @Override
  default void applyTo(SourceSpec.Blob blob) {
    applyTo(blob.file);
  }
}
