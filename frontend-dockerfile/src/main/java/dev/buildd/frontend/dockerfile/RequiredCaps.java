package dev.buildd.frontend.dockerfile;

import dev.buildd.frontend.dockerfile.options.FrontendOptions;
import dev.buildd.gateway.UnsupportedException;
import java.util.Optional;
import java.util.Set;

/** What clients demand that a frontend can do (section 9.2). */
final class RequiredCaps {
  private static final Set<String> KNOWN =
      Set.of(
          "moby.buildkit.frontend.inputs",
          "moby.buildkit.frontend.subrequests",
          "moby.buildkit.frontend.contexts",
          "moby.buildkit.frontend.gitquerystring");

  private RequiredCaps() {}

  /**
   * Checks the demands.
   *
   * @return one that is not met, but may be by the frontend to which the build is handed on
   * @throws UnsupportedException for one that is not met and must be
   */
  static Optional<UnsupportedException> check(FrontendOptions options) {
    Optional<UnsupportedException> out = Optional.empty();
    String demands = options.get("frontend.caps").orElse("");
    if (demands.isEmpty()) {
      return out;
    }
    for (String demand : demands.split(",", -1)) {
      int plus = demand.indexOf('+');
      String name = plus < 0 ? demand : demand.substring(0, plus);
      if (KNOWN.contains(name)) {
        continue;
      }
      UnsupportedException unknown = UnsupportedException.capability(name);
      if (!demand.contains("+forward")) {
        throw unknown;
      }
      out = Optional.of(unknown);
    }
    return out;
  }
}
