package dev.buildd.frontend.dockerfile.lint;

/** Takes what was found, as it is found: a later fault must not lose it. */
@FunctionalInterface
public interface LintSink {
  /** Takes nothing. */
  LintSink NONE = warning -> {};

  void warn(LintWarning warning);
}
