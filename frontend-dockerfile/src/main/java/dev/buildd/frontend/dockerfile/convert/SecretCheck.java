package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.base.text.SecretNames;
import dev.buildd.frontend.dockerfile.lint.Linter;
import dev.buildd.frontend.dockerfile.lint.Violations;
import dev.buildd.frontend.dockerfile.source.Location;

/** Variables whose values nobody should read in an image (section 7.1). */
final class SecretCheck {
  private SecretCheck() {}

  /**
   * @param keyword of the instruction that sets the variable
   */
  static void check(String keyword, String name, Location location, Linter linter) {
    if (SecretNames.isSecret(name)) {
      linter.report(Violations.secretsUsedInArgOrEnv(keyword, name), location);
    }
  }
}
