package dev.buildd.frontend.dockerfile.instruction;

/**
 * An instruction for those who build on the image.
 *
 * @param trigger its text, documents included
 */
public record OnBuild(Origin origin, String trigger) implements Instruction {}
