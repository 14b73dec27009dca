package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.frontend.dockerfile.lint.Linter;
import dev.buildd.frontend.dockerfile.lint.Violations;
import dev.buildd.frontend.dockerfile.source.Location;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** Names of variables whose values nobody should read in an image (section 7.1). */
final class SecretNames {
  private static final Set<String> SECRET =
      Set.of(
          "apikey",
          "auth",
          "credential",
          "credentials",
          "key",
          "password",
          "pword",
          "passwd",
          "secret",
          "token");
  private static final Set<String> PUBLIC = Set.of("public", "file", "version");

  private SecretNames() {}

  /**
   * @param keyword of the instruction that sets the variable
   */
  static void check(String keyword, String name, Location location, Linter linter) {
    List<String> parts = Arrays.asList(name.toLowerCase(Locale.ROOT).split("_", -1));
    if (parts.stream().anyMatch(SECRET::contains) && parts.stream().noneMatch(PUBLIC::contains)) {
      linter.report(Violations.secretsUsedInArgOrEnv(keyword, name), location);
    }
  }
}
