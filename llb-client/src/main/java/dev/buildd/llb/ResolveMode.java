package dev.buildd.llb;

import dev.buildd.base.error.BuildException;

/** Where an image's name is looked up. */
public enum ResolveMode implements ImageOption {
  /** In the registry. */
  DEFAULT("default"),
  /** In the registry, whatever the daemon has. */
  FORCE_PULL("pull"),
  /** What it stood for when it was last asked, if that is still there. */
  PREFER_LOCAL("local");

  private final String text;

  ResolveMode(String text) {
    this.text = text;
  }

  /** As it is written in attributes and requests. */
  public String text() {
    return text;
  }

  /** The mode of this text; no text means the default. */
  public static ResolveMode parse(String text) {
    for (ResolveMode mode : values()) {
      if (mode.text.equals(text)) {
        return mode;
      }
    }
    if (text.isEmpty()) {
      return DEFAULT;
    }
    throw BuildException.invalid("invalid resolvemode: " + text);
  }

  @Override
  public void applyTo(SourceSpec.Image image) {
    image.resolveMode = java.util.Optional.of(this);
  }
}
