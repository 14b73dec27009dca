package dev.buildd.base.text;

import java.util.Locale;
import java.util.Set;

/** Names of variables whose values are probably secret. */
public final class SecretNames {
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
  private static final Set<String> HARMLESS = Set.of("public", "file", "version");

  private SecretNames() {}

  /** Whether a part of the name, between underscores, says so and no other takes it back. */
  public static boolean isSecret(String name) {
    boolean secret = false;
    for (String part : name.toLowerCase(Locale.ROOT).split("_", -1)) {
      if (HARMLESS.contains(part)) {
        return false;
      }
      secret |= SECRET.contains(part);
    }
    return secret;
  }
}
