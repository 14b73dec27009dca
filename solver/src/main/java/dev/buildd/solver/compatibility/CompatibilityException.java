package dev.buildd.solver.compatibility;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;

/** A build wants something that the version whose results it wants too does not have. */
public final class CompatibilityException extends BuildException {
  private static final long serialVersionUID = 1L;

  private final CompatibilityVersion version;
  private final String feature;

  public CompatibilityException(CompatibilityVersion version, String feature) {
    super(
        Category.INVALID_ARGUMENT,
        "unsupported compatibility-version " + version.number() + " feature " + feature);
    this.version = version;
    this.feature = feature;
  }

  public CompatibilityVersion version() {
    return version;
  }

  /** What is wanted, in words. */
  public String feature() {
    return feature;
  }
}
