package dev.buildd.frontend.dockerfile.lint;

import dev.buildd.frontend.dockerfile.source.Location;

/** A rule was broken here. */
public record LintWarning(Rule rule, String message, Location location) {
  /** In one line, as a build shows it. */
  public String text() {
    String text = rule.ruleName() + ": " + message;
    return location.isNone() || location.first() == 0
        ? text
        : text + " (line " + location.first() + ")";
  }
}
