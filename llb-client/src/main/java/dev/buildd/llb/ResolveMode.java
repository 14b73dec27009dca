package dev.buildd.llb;

/** Where an image's name is looked up. */
public enum ResolveMode implements ImageOption {
  DEFAULT("default"),
  FORCE_PULL("pull"),
  PREFER_LOCAL("local");

  private final String text;

  ResolveMode(String text) {
    this.text = text;
  }

  String text() {
    return text;
  }

  @Override
  public void applyTo(SourceSpec.Image image) {
    image.resolveMode = java.util.Optional.of(this);
  }
}
