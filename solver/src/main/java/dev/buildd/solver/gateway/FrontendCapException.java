package dev.buildd.solver.gateway;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;

/** A frontend cannot do something that whoever asked for the build needs; another may. */
public final class FrontendCapException extends BuildException {
  private static final long serialVersionUID = 1L;

  private final String capability;

  FrontendCapException(String capability) {
    super(Category.UNIMPLEMENTED, "unsupported frontend capability " + capability);
    this.capability = capability;
  }

  public String capability() {
    return capability;
  }
}
