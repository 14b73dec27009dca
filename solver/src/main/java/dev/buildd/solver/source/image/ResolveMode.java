package dev.buildd.solver.source.image;

import dev.buildd.base.error.BuildException;

/** Whether the registry is asked what a name stands for. */
public enum ResolveMode {
  /** The registry knows best. */
  DEFAULT,
  /** The registry, whatever is here. */
  PULL,
  /** What it stood for when it was last asked, if that is still here. */
  LOCAL;

  /** Parses the value of {@code image.resolvemode}. */
  public static ResolveMode parse(String text) {
    return switch (text) {
      case "", "default" -> DEFAULT;
      case "pull" -> PULL;
      case "local" -> LOCAL;
      default -> throw BuildException.invalid("invalid resolvemode: " + text);
    };
  }
}
