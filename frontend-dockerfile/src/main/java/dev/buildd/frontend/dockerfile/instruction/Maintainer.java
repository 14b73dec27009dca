package dev.buildd.frontend.dockerfile.instruction;

/** The author of the image. */
public record Maintainer(Origin origin, String author) implements Instruction {}
