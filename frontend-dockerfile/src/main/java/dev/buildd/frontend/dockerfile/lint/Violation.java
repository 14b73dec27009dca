package dev.buildd.frontend.dockerfile.lint;

/** A case of a rule, in words. */
public record Violation(Rule rule, String message) {}
