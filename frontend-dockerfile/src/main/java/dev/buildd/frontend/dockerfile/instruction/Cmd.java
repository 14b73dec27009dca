package dev.buildd.frontend.dockerfile.instruction;

/** What containers of the image run, or the arguments of what they run. */
public record Cmd(Origin origin, CommandLine command) implements Instruction {}
